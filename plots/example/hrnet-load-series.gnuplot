# gnuplot hrnet-load-series.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'hrnet-load-series.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,900 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,900 font ',10' background rgb 'white' noenhanced
}
set output folder . 'hrnet-load-series.' . format
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set multiplot layout 4,1 margins 0.09,0.97,0.165,0.93 spacing 0.035
set key off
set xrange [0:30]
set format x ''
set title 'HRNet: Sustained Load, second by second' font ',14' offset 0,0.9
set label 1 '128 × 128 px, batches of up to 1, SLA 250 ms' at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '#404040'
set label 2 'SLA 250 ms (beyond this range)' at graph 0.99, graph 0.96 right font ',10' textcolor rgb '#D55E00'
set ylabel 'latency (ms)'
set yrange [0:101.052]
plot data index 0 using 1:2 with linespoints pointtype 5 pointsize 0.5 linewidth 1.5 linecolor rgb '#56B4E9' title 'P50', \
     data index 1 using 1:2 with linespoints pointtype 7 pointsize 0.5 linewidth 1.5 linecolor rgb '#0072B2' title 'P95', \
     data index 2 using 1:2 with points pointtype 8 pointsize 0.9 linewidth 1 linecolor rgb '#404040' title 'slowest'
unset title
unset label 1
unset label 2
set ylabel 'requests/s'
set yrange [0:58.65]
plot data index 3 using 1:2 with steps linewidth 3 linecolor rgb '#9A9A9A' title 'sent', \
     data index 4 using 1:2 with steps linewidth 1.2 linecolor rgb '#000000' title 'answered', \
     data index 5 using 1:2 with impulses linewidth 4 linecolor rgb '#D55E00' title 'without a result'
set ylabel 'requests waiting'
set yrange [0:5.75]
plot data index 6 using 1:2 with steps linewidth 1 linecolor rgb '#CC79A7' title 'waiting, most', \
     data index 7 using 1:2 with linespoints pointtype 13 pointsize 0.5 linewidth 1.5 linecolor rgb '#CC79A7' title 'waiting, on average'
set format x '%g'
set xlabel 'seconds since the first request was to arrive'
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set key maxcols 5
set ylabel 'cores used'
set yrange [0:0.115]
plot data index 8 using 1:2 with impulses linewidth 4 linecolor rgb '#56B4E9' title 'other programs', \
     keyentry with linespoints pointtype 5 pointsize 0.5 linewidth 1.5 linecolor rgb '#56B4E9' title 'P50', \
     keyentry with linespoints pointtype 7 pointsize 0.5 linewidth 1.5 linecolor rgb '#0072B2' title 'P95', \
     keyentry with points pointtype 8 pointsize 0.9 linewidth 1 linecolor rgb '#404040' title 'slowest', \
     keyentry with lines linewidth 1.5 dashtype 2 linecolor rgb '#D55E00' title 'SLA', \
     keyentry with steps linewidth 3 linecolor rgb '#9A9A9A' title 'sent', \
     keyentry with steps linewidth 1.2 linecolor rgb '#000000' title 'answered', \
     keyentry with impulses linewidth 4 linecolor rgb '#D55E00' title 'without a result', \
     keyentry with steps linewidth 1 linecolor rgb '#CC79A7' title 'waiting, most', \
     keyentry with linespoints pointtype 13 pointsize 0.5 linewidth 1.5 linecolor rgb '#CC79A7' title 'waiting, on average'
unset multiplot
unset output
reset
}
