# gnuplot cbam_resunet-load-batches.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'cbam_resunet-load-batches.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,500 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,500 font ',10' background rgb 'white' noenhanced
}
set output folder . 'cbam_resunet-load-batches.' . format
set title 'CBAM-ResUNet: how many requests ran together (128 × 128 px, batches of up to 1, SLA 250 ms)'
set xrange [0.5:1.5]
set yrange [0:112]
set xlabel 'requests in a batch'
set ylabel '% of requests'
set grid ytics
set key outside right top vertical
set style fill solid 0.85
set boxwidth 0.1600
set xtics 1
plot data index 0 using 1:2 with boxes linecolor rgb '#0072B2' title 'Single Request', data index 1 using 1:2 with boxes linecolor rgb '#D55E00' title 'Burst Load', data index 2 using 1:2 with boxes linecolor rgb '#009E73' title 'Largest Burst', data index 3 using 1:2 with boxes linecolor rgb '#CC79A7' title 'Sustained Load', data index 4 using 1:2 with boxes linecolor rgb '#E69F00' title 'Mixed Load'
unset output
reset
}
