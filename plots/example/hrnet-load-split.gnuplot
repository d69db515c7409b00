# gnuplot hrnet-load-split.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'hrnet-load-split.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,460 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,460 font ',10' background rgb 'white' noenhanced
}
set output folder . 'hrnet-load-split.' . format
set title 'HRNet: where the mean latency goes (128 × 128 px, batches of up to 1, SLA 250 ms)'
set ytics ('Single Request' 0, 'Burst Load' -1, 'Largest Burst' -2, 'Sustained Load' -3, 'Mixed Load' -4)
set xrange [0:148.898]
set yrange [-4.6:0.6]
set xlabel 'mean, ms'
set grid xtics
set key outside right top vertical
set style fill solid 0.9
plot data index 0 using 1:2:3:4:5:6 with boxxyerror linecolor rgb '#9A9A9A' title 'sent late', data index 1 using 1:2:3:4:5:6 with boxxyerror linecolor rgb '#E69F00' title 'queue', data index 2 using 1:2:3:4:5:6 with boxxyerror linecolor rgb '#009E73' title 'preprocess', data index 3 using 1:2:3:4:5:6 with boxxyerror linecolor rgb '#0072B2' title 'compute'
unset output
reset
}
