# gnuplot hrnet-memory.gnuplot makes the SVG and the PNG anew, beside this script.
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
set output folder . 'hrnet-memory.' . format
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set tmargin 4
set bmargin 9.5
set title 'HRNet: memory by batch size' font ',14' offset 0,0.9
set label 'cpu: AMD EPYC, BF16, 128 × 128 px (CPU demonstration profile)' at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '#404040'
set xlabel 'batch size (images)'
set logscale x 2
set xrange [0.846745:18.8959]
set xtics ('1' 1, '2' 2, '4' 4, '8' 8, '16' 16)
set ylabel 'high-water mark of the model (MiB)'
set yrange [0:551.07]
set label 'limit with 10 % reserve: 21578 MiB (above this range)' at graph 0.02, graph 0.95 left font ',10' textcolor rgb '#D55E00'
plot 278.627767 + 12.6408088 * x with lines linecolor rgb '#9A9A9A' dashtype 2 linewidth 1.5 title 'fit: 291.3 MiB for one, 12.6 for each further', \
     data index 0 using 1:(strcol(2) eq 'measured' ? column(10) : NaN) with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'admissible', \
     data index 0 using 1:(strcol(2) eq 'over_sla' ? column(10) : NaN) with points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'over the SLA', \
     data index 0 using 1:(strcol(2) eq 'skipped_dominated' ? column(10) : NaN) with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'unconfirmed', \
     data index 0 every ::0::0 using 1:10 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#000000' title 'chosen: batch 1'
unset output
}
