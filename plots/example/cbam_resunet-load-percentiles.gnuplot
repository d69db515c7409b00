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
set multiplot layout 2,1 margins 0.09,0.80,0.08,0.95 spacing 0.15
set title 'CBAM-ResUNet: request latency by percentile (128 × 128 px, batches of up to 1, SLA 250 ms)'
set logscale x
set xrange [1:474]
set yrange [0:280]
set grid
set key outside right top vertical
set xtics ('0' 1, '50 %%' 2, '90 %%' 10, '95 %%' 20, '99 %%' 100)
set xlabel 'share of requests that were as fast (axis: 1 / (1 - p))'
set ylabel 'latency, ms'
plot data index 0 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#0072B2' title 'Single Request', data index 1 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#D55E00' title 'Burst Load', data index 2 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#009E73' title 'Largest Burst', data index 3 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#CC79A7' title 'Sustained Load', data index 4 using 1:2 with lines linewidth 2 dashtype 1 linecolor rgb '#E69F00' title 'Mixed Load', data index 5 using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '#000000' title 'SLA'
unset logscale x
set xtics auto
set xrange [0:280]
set yrange [0:*]
set title 'How latencies are distributed'
set xlabel 'latency, ms'
set ylabel '% of requests'
set arrow 1 from 250, graph 0 to 250, graph 1 nohead dashtype 2 linewidth 1.5
plot data index 6 using 1:2 with histeps linewidth 2 dashtype 1 linecolor rgb '#0072B2' title 'Single Request', data index 7 using 1:2 with histeps linewidth 2 dashtype 1 linecolor rgb '#D55E00' title 'Burst Load', data index 8 using 1:2 with histeps linewidth 2 dashtype 1 linecolor rgb '#009E73' title 'Largest Burst', data index 9 using 1:2 with histeps linewidth 2 dashtype 1 linecolor rgb '#CC79A7' title 'Sustained Load', data index 10 using 1:2 with histeps linewidth 2 dashtype 1 linecolor rgb '#E69F00' title 'Mixed Load'
unset multiplot
unset output
reset
}
