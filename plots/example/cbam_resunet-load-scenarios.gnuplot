# gnuplot cbam_resunet-load-scenarios.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'cbam_resunet-load-scenarios.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,520 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,520 font ',10' background rgb 'white' noenhanced
}
set output folder . 'cbam_resunet-load-scenarios.' . format
set title 'CBAM-ResUNet: percentiles by scenario (128 × 128 px, batches of up to 1, SLA 250 ms)'
set xtics ('Single Request' 0, 'Burst Load' 1, 'Largest Burst' 2, 'Sustained Load' 3, 'Mixed Load' 4)
set xrange [-0.6:4.6]
set yrange [0:280]
set grid ytics
set ylabel 'latency, ms'
set key outside right top vertical
plot data index 0 using 1:2 with points pointtype 5 pointsize 1.2 linecolor rgb '#56B4E9' title 'P50', data index 1 using 1:2:3:4 with yerrorbars pointtype 7 pointsize 1.4 linewidth 1.5 linecolor rgb '#0072B2' title 'P95, with its 95 % bounds', data index 2 using 1:2 with points pointtype 9 pointsize 1.3 linecolor rgb '#D55E00' title 'P99', data index 3 using 1:2 with points pointtype 2 pointsize 1.3 linewidth 2 linecolor rgb '#009E73' title 'P95 predicted', data index 4 using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '#000000' title 'SLA'
unset output
reset
}
