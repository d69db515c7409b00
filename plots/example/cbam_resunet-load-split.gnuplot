# gnuplot cbam_resunet-load-split.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'cbam_resunet-load-split.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,530 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,530 font ',10' background rgb 'white' noenhanced
}
set output folder . 'cbam_resunet-load-split.' . format
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set title 'CBAM-ResUNet: where the mean latency goes' font ',14' offset 0,0.9
set label 1 '128 × 128 px, batches of up to 1, SLA 250 ms' at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '#404040'
set ytics ('Single Request' 0, 'Burst Load' -1, 'Largest Burst' -2, 'Sustained Load' -3, 'Mixed Load' -4)
unset grid
set grid xtics linecolor rgb '#E4E4E4' linetype 1
set xrange [0:142.341]
set yrange [-4.6:0.6]
set xlabel 'mean (ms)'
set lmargin at screen 0.148
set tmargin 4
set bmargin 7.5
plot data index 0 using 1:2:3:4:5:6 with boxxyerror fillstyle solid 0.9 linecolor rgb '#9A9A9A' title 'sent late', \
     data index 1 using 1:2:3:4:5:6 with boxxyerror fillstyle solid 0.9 linecolor rgb '#CC79A7' title 'queue', \
     data index 2 using 1:2:3:4:5:6 with boxxyerror fillstyle solid 0.9 linecolor rgb '#009E73' title 'preprocess', \
     data index 3 using 1:2:3:4:5:6 with boxxyerror fillstyle solid 0.9 linecolor rgb '#0072B2' title 'compute'
unset output
reset
}
