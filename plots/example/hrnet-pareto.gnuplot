# gnuplot hrnet-pareto.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'hrnet.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 800,520 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 800,520 font ',10' background rgb 'white' noenhanced
}
set output folder . 'hrnet-pareto.' . format
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set tmargin 4
set bmargin 9.5
set title 'HRNet: throughput against P95 (numbers: batch size)' font ',14' offset 0,0.9
set label 'cpu: AMD EPYC, BF16, 128 × 128 px (CPU demonstration profile)' at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '#404040'
set xlabel 'P95 service time of a batch (ms)'
set xrange [0:390.67]
set xtics auto
set ylabel 'throughput (images/s)'
set yrange [0:115.45]
set arrow from first 250, graph 0 to first 250, graph 1 nohead back linecolor rgb '#D55E00' linewidth 1.5 dashtype 2
set label 'P95 SLA 250 ms' at first 250, graph 0.95 right offset -0.7,0 font ',10' textcolor rgb '#D55E00'
set label '1' at first 27.9314, first 75.9729 left offset 0.9,-0.7 font ',10' textcolor rgb '#000000'
set label '2' at first 46.0799, first 86.8096 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
set label '4' at first 92.9927, first 89.4641 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
set label '8' at first 171.353, first 93.7701 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
set label '16' at first 361.731, first 92.8127 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
plot data index 'front' using 2:3 with lines linewidth 1.5 linecolor rgb '#0072B2' title 'Pareto front', \
     data index 0 using 5:(strcol(2) eq 'measured' ? column(8) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 5:(strcol(2) eq 'over_sla' ? column(8) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 5:(strcol(2) eq 'skipped_dominated' ? column(8) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 5:8 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1'
unset output
}
