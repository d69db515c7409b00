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
set multiplot layout 4,1 margins 0.10,0.80,0.08,0.94 spacing 0.035
set grid
set key outside right top vertical samplen 2
set xrange [0:31]
set format x ''
set yrange [0:341.585]
set title 'HRNet: Sustained Load, second by second (128 × 128 px, batches of up to 1, SLA 250 ms)'
set ylabel 'latency, ms'
plot data index 0 using 1:2 with points pointtype 6 pointsize 0.5 linecolor rgb '#9A9A9A' title 'max', data index 1 using 1:2 with linespoints pointtype 7 pointsize 0.4 linewidth 1.5 linecolor rgb '#D55E00' title 'P95', data index 2 using 1:2 with linespoints pointtype 7 pointsize 0.4 linewidth 1.5 linecolor rgb '#0072B2' title 'P50', data index 3 using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '#000000' title 'SLA'
unset title
set yrange [0:1<*]
set offsets 0, 0, graph 0.08, 0
set ylabel 'requests/s'
plot data index 4 using 1:2 with steps linewidth 1.5 linecolor rgb '#9A9A9A' title 'sent', data index 5 using 1:2 with steps linewidth 1.5 linecolor rgb '#0072B2' title 'answered', data index 6 using 1:2 with impulses linewidth 2 linecolor rgb '#D55E00' title 'without a result'
set ylabel 'queue'
plot data index 7 using 1:2 with steps linewidth 1 linecolor rgb '#9A9A9A' title 'most', data index 8 using 1:2 with lines linewidth 1.5 linecolor rgb '#009E73' title 'mean'
set format x '%g'
set xlabel 'seconds since the first request was to arrive'
set ylabel 'cores used'
plot data index 9 using 1:2 with impulses linewidth 2 linecolor rgb '#CC79A7' title 'other programs'
unset multiplot
unset output
reset
}
