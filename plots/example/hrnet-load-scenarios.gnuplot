# gnuplot hrnet-load-scenarios.gnuplot makes the SVG and the PNG anew, beside this script.
folder = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }
}
data = folder . 'hrnet-load-scenarios.dat'
do for [format in 'svg png'] {
if (format eq 'svg') {
    set terminal svg size 860,530 font 'sans-serif,12' background rgb 'white' noenhanced
} else {
    set terminal pngcairo size 860,530 font ',10' background rgb 'white' noenhanced
}
set output folder . 'hrnet-load-scenarios.' . format
reset
set encoding utf8
set border 3
set tics nomirror out
set grid ytics linecolor rgb '#E4E4E4' linetype 1
set style textbox opaque noborder margins 0.4,0.2
set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3
set title 'HRNet: latency by scenario' font ',14' offset 0,0.9
set label 1 '128 × 128 px, batches of up to 1, SLA 250 ms' at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '#404040'
set ytics ('Single Request' 0, 'Burst Load' -1, 'Largest Burst' -2, 'Sustained Load' -3, 'Mixed Load' -4)
unset grid
set grid xtics linecolor rgb '#E4E4E4' linetype 1
set xrange [19.7139:325]
set xlabel 'latency (ms, logarithmic)'
set logscale x
set xtics ('20' 20, '50' 50, '100' 100, '200' 200)
set yrange [-4.6:0.6]
set lmargin at screen 0.148
set tmargin 4
set bmargin 9.5
plot data index 0 using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '#D55E00' title 'SLA', \
     data index 1 using 1:2 with points pointtype 5 pointsize 1.3 linewidth 1.5 linecolor rgb '#56B4E9' title 'P50', \
     data index 2 using 1:2:3:4 with vectors heads size graph 0.008,90 linewidth 1.5 linecolor rgb '#000000' title 'P95 bounds', \
     data index 3 using 1:2 with points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'P95, met', \
     data index 4 using 1:2 with points pointtype 11 pointsize 1.3 linewidth 1.5 linecolor rgb '#CC79A7' title 'P99', \
     data index 5 using 1:2 with points pointtype 2 pointsize 1.3 linewidth 1.5 linecolor rgb '#009E73' title 'P95 predicted'
unset output
reset
}
