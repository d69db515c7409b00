# gnuplot cbam_resunet-overview.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'cbam_resunet.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 1000,1170 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 1000,1170 font ',10' background rgb 'white' noenhanced
}
set output folder . 'cbam_resunet-overview.' . format
set multiplot layout 3,2 title 'CBAM-ResUNet' . "\n" . 'cpu: AMD EPYC, BF16, 128 × 128 px (CPU demonstration profile)' font ',13'
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key off
set bmargin 4.4
set title 'Throughput by batch size' font ',11' offset 0,-0.3
set xlabel 'batch size (images)'
set logscale x 2
set xrange [0.882703:9.06307]
set xtics ('1' 1, '2' 2, '4' 4, '8' 8)
set ylabel 'throughput (images/s)'
set yrange [0:45.1948]
set arrow from graph 0, first 8.07688 to graph 1, first 8.07688 nohead back linecolor rgb '#404040' linewidth 1.5 dashtype 2
set label 'standard path, one image at a time: 8.08 images/s' at graph 0.02, first 8.07688 left offset 0,0.75 font ',10' textcolor rgb '#404040' boxed
plot data index 0 using 1:8 with lines linecolor rgb '#9A9A9A' notitle, \
     data index 0 using 1:(strcol(2) eq 'measured' ? column(8) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 1:(strcol(2) eq 'over_sla' ? column(8) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 1:(strcol(2) eq 'skipped_dominated' ? column(8) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 1:8 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1'
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key off
set bmargin 4.4
set title 'P95 service time by batch size' font ',11' offset 0,-0.3
set xlabel 'batch size (images)'
set logscale x 2
set xrange [0.882703:9.06307]
set xtics ('1' 1, '2' 2, '4' 4, '8' 8)
set ylabel 'service time of a batch (ms)'
set yrange [0:468.695]
set arrow from graph 0, first 250 to graph 1, first 250 nohead back linecolor rgb '#D55E00' linewidth 1.5 dashtype 2
set label 'P95 SLA 250 ms' at graph 0.02, first 250 left offset 0,0.75 font ',10' textcolor rgb '#D55E00' boxed
plot data index 0 using 1:4 with lines linecolor rgb '#9A9A9A' dashtype 3 linewidth 1.5 title 'median', \
     data index 0 using 1:(strcol(2) eq 'measured' ? column(5) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 1:(strcol(2) eq 'over_sla' ? column(5) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 1:(strcol(2) eq 'skipped_dominated' ? column(5) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 1:5 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1', \
     data index 'bounds' using 1:2:(0):($3 - $2) with vectors heads size graph 0.008,90 linewidth 1.5 linecolor rgb '#000000' title 'P95 bounds, 95 % one-sided', \
     data index 'open' using 1:2:(0):(51.5565) with vectors head size graph 0.016,25 nofilled linewidth 1.5 linecolor rgb '#000000' title 'upper bound unknown'
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key off
set bmargin 4.4
set title 'Efficiency by batch size' font ',11' offset 0,-0.3
set xlabel 'batch size (images)'
set logscale x 2
set xrange [0.882703:9.06307]
set xtics ('1' 1, '2' 2, '4' 4, '8' 8)
set ylabel 'efficiency (images/s per √batch)'
set yrange [0:42.7201]
set arrow from first 1, graph 0 to first 1, graph 1 nohead back linecolor rgb '#0072B2' dashtype 3
set label 'knee: batch 1' at first 1, graph 0.05 left offset 1,0 font ',10' textcolor rgb '#0072B2'
plot data index 0 using 1:9 with lines linecolor rgb '#9A9A9A' notitle, \
     data index 0 using 1:(strcol(2) eq 'measured' ? column(9) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 1:(strcol(2) eq 'over_sla' ? column(9) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 1:(strcol(2) eq 'skipped_dominated' ? column(9) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 1:9 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1'
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key off
set bmargin 4.4
set title 'Memory by batch size' font ',11' offset 0,-0.3
set xlabel 'batch size (images)'
set logscale x 2
set xrange [0.882703:9.06307]
set xtics ('1' 1, '2' 2, '4' 4, '8' 8)
set ylabel 'high-water mark of the model (MiB)'
set yrange [0:639.384]
set label 'limit with 10 % reserve: 21578 MiB (above this range)' at graph 0.02, graph 0.95 left font ',10' textcolor rgb '#D55E00'
plot 287.786005 + 34.9140965 * x with lines linecolor rgb '#9A9A9A' dashtype 2 linewidth 1.5 title 'fit: 322.7 MiB for one, 34.9 for each further', \
     data index 0 using 1:(strcol(2) eq 'measured' ? column(10) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 1:(strcol(2) eq 'over_sla' ? column(10) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 1:(strcol(2) eq 'skipped_dominated' ? column(10) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 1:10 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1'
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key off
set bmargin 4.4
set title 'Throughput against P95 (numbers: batch size)' font ',11' offset 0,-0.3
set xlabel 'P95 service time of a batch (ms)'
set xrange [0:444.027]
set xtics auto
set ylabel 'throughput (images/s)'
set yrange [0:48.8104]
set arrow from first 250, graph 0 to first 250, graph 1 nohead back linecolor rgb '#D55E00' linewidth 1.5 dashtype 2
set label 'P95 SLA 250 ms' at first 250, graph 0.95 right offset -0.7,0 font ',10' textcolor rgb '#D55E00'
set label '1' at first 55.0778, first 37.4737 left offset 0.9,-0.7 font ',10' textcolor rgb '#000000'
set label '2' at first 102.607, first 39.0843 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
set label '4' at first 203.45, first 39.491 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
set label '8' at first 411.136, first 39.6446 left offset 0.9,-0.7 font ',10' textcolor rgb '#404040'
plot data index 'front' using 2:3 with lines linewidth 1.5 linecolor rgb '#0072B2' title 'Pareto front', \
     data index 0 using 5:(strcol(2) eq 'measured' ? column(8) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 5:(strcol(2) eq 'over_sla' ? column(8) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 5:(strcol(2) eq 'skipped_dominated' ? column(8) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 5:8 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1'
reset
set encoding utf8
unset border
unset tics
set xrange [0:1]
set yrange [0:1]
set tmargin 3
set key at graph 0, graph 0.66 left top vertical Left reverse samplen 2 spacing 1.2
set label 'CBAM-ResUNet: batching does not pay by efficiency; serve' at graph 0, graph 1.000 left font ',10'
set label 'single images: 37.5 images/s, P95 55.1 ms of 250; the SLA does' at graph 0, graph 0.935 left font ',10'
set label 'not bind; --objective throughput would take batch 4 (not' at graph 0, graph 0.870 left font ',10'
set label 'confirmed): 5 % more images/s at 3.8x the latency' at graph 0, graph 0.805 left font ',10'
plot -1 with lines linecolor rgb '#9A9A9A' notitle, \
     keyentry with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     keyentry with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     keyentry with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     keyentry with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen', \
     keyentry with lines linewidth 1.5 linecolor rgb '#0072B2' title 'Pareto front', \
     keyentry with vectors heads size graph 0.008,90 linewidth 1.5 linecolor rgb '#000000' title 'P95 bounds, 95 % one-sided', \
     keyentry with vectors head size graph 0.016,25 nofilled linewidth 1.5 linecolor rgb '#000000' title 'upper bound unknown', \
     keyentry with lines dashtype 3 linewidth 1.5 linecolor rgb '#9A9A9A' title 'median service time', \
     keyentry with lines dashtype 2 linewidth 1.5 linecolor rgb '#9A9A9A' title 'memory fit'
unset multiplot
unset output
}
