# gnuplot cbam_resunet-load-percentiles.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'cbam_resunet-load-percentiles.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,900 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,900 font ',10' background rgb 'white' noenhanced
}
set output folder . 'cbam_resunet-load-percentiles.' . format
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set multiplot layout 2,1 margins 0.148,0.97,0.16,0.93 spacing 0.17
set title 'CBAM-ResUNet: latency within which a share of requests was answered' font ',14' offset 0,0.9
set label 1 '128 × 128 px, batches of up to 1, SLA 250 ms' at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '#404040'
set logscale x
set xrange [1:554]
set xtics ('0' 1, '50 %%' 2, '90 %%' 10, '95 %%' 20, '99 %%' 100)
set xlabel 'share of requests'
set yrange [0:280]
set ylabel 'latency (ms)'
plot data index 0 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#56B4E9' title 'Single Request', \
     data index 1 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#009E73' title 'Burst Load', \
     data index 2 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#000000' title 'Largest Burst', \
     data index 3 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#0072B2' title 'Sustained Load', \
     data index 4 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#CC79A7' title 'Mixed Load', \
     data index 5 using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '#D55E00' title 'SLA'
unset logscale
unset label 1
unset ylabel
set xtics auto
set key off
set title 'how often each latency came (each row to its own height)' font ',11' offset 0,-0.3
set ytics ('Single Request' -0.6, 'Burst Load' -1.6, 'Largest Burst' -2.6, 'Sustained Load' -3.6, 'Mixed Load' -4.6)
unset grid
set grid xtics linecolor rgb '#E4E4E4' linetype 1
set xrange [0:280]
set xlabel 'latency (ms)'
unset label 2
set yrange [-5.1:0.3]
plot data index 6 using 1:2:3 with filledcurves fillstyle solid 0.8 linewidth 2 dashtype 1 linecolor rgb '#56B4E9' notitle, \
     data index 7 using 1:2:3 with filledcurves fillstyle solid 0.8 linewidth 2 dashtype 1 linecolor rgb '#009E73' notitle, \
     data index 8 using 1:2:3 with filledcurves fillstyle solid 0.8 linewidth 2 dashtype 1 linecolor rgb '#000000' notitle, \
     data index 9 using 1:2:3 with filledcurves fillstyle solid 0.8 linewidth 2 dashtype 1 linecolor rgb '#0072B2' notitle, \
     data index 10 using 1:2:3 with filledcurves fillstyle solid 0.8 linewidth 2 dashtype 1 linecolor rgb '#CC79A7' notitle, \
     data index 11 using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '#D55E00' title 'SLA'
unset multiplot
unset output
reset
}
