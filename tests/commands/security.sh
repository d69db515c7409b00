# What the commands are given is data: they write where they were told and nowhere else, run nothing that a name says, keep
# private what was, and put no stranger's text unescaped into a page, a script or a shell line.
. tests/lib/tap.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
sim=sim:tau0_ms=0.5,alpha_ms=0.1,noise=0
cd "$scratch" || exit 1
here=$scratch

# Everything under $here but the bare files of this script's own.
listed() { (cd "$here" && find . -mindepth 1 -not -name '.out' -not -name '.err' | LC_ALL=C sort); }

# --- only where told: from a folder that cannot be written, with every output elsewhere
mkdir place bare && cd bare || exit 1
before=$(listed)
run "$bin/optimize-batch" --quiet --models hrnet --backend $sim --batches 1,2 --time-budget 1s \
    --output ../place/c.json --results ../place/results --plots ../place/plots
exits 0 'a sweep with every output elsewhere is good'
run "$bin/test-production" --quiet --config ../place/c.json --scenarios single --duration 1s --results ../place/results --plots ../place/plots
unlike "$status" '^[12]$' 'so is a load test'
run "$bin/render-report" "$(ls -d ../place/results/*-optimize-batch)/record.json" --format markdown --output ../place/r.md --plots ../place/again
exits 0 'and a report'
run "$bin/show-batch-config" --config ../place/c.json
exits 0 'and a look at the config'
is "$(listed | grep -v '^\./place/')" "$before" 'nothing is written beside them, nor in the current folder'
is "$(find "$here/place" -name '*.tmp')" '' 'no temporary file is left'
is "$(find "$here/place" -perm /0022 | head -n 1)" '' 'what is made can be written by its owner alone'
cd .. || exit 1

# --- names that a shell, gnuplot, Python or a page would take for more
for name in 'a b' "it's" '$(touch pwned)' '`touch pwned`' 'a"b' 'a\b' 'a;touch pwned' '-rf' $'two\nlines' "'; system('touch pwned') #" '<b>&amp;' '%s%n%d' \
    'ünï'; do
    folder="place/$name"
    mkdir -p -- "$folder"
    run "$bin/optimize-batch" --quiet --models hrnet --backend $sim --batches 1 --time-budget 1s --output "./$folder/c.json" \
        --results "./$folder/results" --plots "./$folder/plots"
    exits 0 "a folder named ${name//$'\n'/ } is a folder"
    [ -s "$folder/c.json" ] && ls "$folder"/plots/*/hrnet-latency.svg >/dev/null 2>&1
    ok $? 'with config and pictures in it'
    [ ! -e pwned ] && ! find . -name pwned | grep -q .
    ok $? 'and nothing was run'
done
# The line that repeats a run is what a person pastes into a shell.
record=$(ls -d "place/\$(touch pwned)/results"/*/)record.json
line=$(json "$record" .command)
mkdir paste && cd paste || exit 1
(eval "set -- $line" && printf '%s\n' "$@") >../words
cd ..
[ ! -e paste/pwned ] && [ ! -e pwned ]
ok $? 'the line that repeats a run runs nothing but it'
cp "place/it's/c.json" "place/it's \$(touch pwned).json"
run "$bin/test-production" --quiet --config "place/it's \$(touch pwned).json" --scenarios single --duration 1s
record=$(ls -d results/*-test/)record.json
(eval "set -- $(json "$record" .command)" && printf '%s\n' "$@") >words
is "$(grep -c "^place/it's \$(touch pwned).json\$" words)" 1 "nor that of a load test, which names the config as it is"
[ ! -e pwned ]
ok $? 'and runs nothing'

# --- a record is a stranger's
evil="x';system('touch pwned')#<script>\"&|[a](j:b)\$(touch pwned)"
record=$(ls -d place/results/*-optimize-batch/)record.json
poison() {
    perl -MJSON::PP -0777 -e '
        my ($evil, $in, $out) = @ARGV;
        open my $file, "<", $in or die;
        my $top = JSON::PP->new->decode(<$file>);
        sub poison { my ($at) = @_;
            if (ref $at eq "HASH") { for my $key (keys %$at) {
                if (ref $at->{$key}) { poison($at->{$key}) }
                elsif ($key =~ /^(title|why|device|backend_detail|advice|command|run_id|weights_source|cpu|cause|remedy|weights|changes|joint_memory_note|precision_note|path_note|disturbed|runtime)$/) { $at->{$key} = $evil }
                elsif ($key =~ /^(model|name)$/ && $at->{$key} eq "hrnet") { $at->{$key} = $evil } } }
            elsif (ref $at eq "ARRAY") { ref $_ and poison($_) for @$at } }
        poison($top);
        open $file, ">", $out or die;
        print $file JSON::PP->new->encode($top)' "$evil" "$1" "$2"
}
poison "$record" evil.json
run "$bin/render-report" evil.json --format markdown --output evil.md --plots evil-plots
exits 0 "a record full of quotes renders"
prose() { sed '/^~~~/,/^~~~/d' "$1"; } # code is taken as it stands
unlike "$(prose evil.md)" '(^|[^\])<script>' 'without a script in the Markdown'
unlike "$(prose evil.md)" '[^\]\]\(j:' 'or a link'
[ ! -e pwned ] && ! find . -name pwned | grep -q .
ok $? 'and no name of it is run'
is "$(find evil-plots -type f | grep -vc '^evil-plots/[A-Za-z0-9_.-]*$')" 0 'files are named in plain letters'
is "$(find evil-plots -name '*.svg' | wc -l)" 6 'all its pictures are drawn'
run "$bin/render-report" evil.json
exits 0 'as a table too'
poison "$(ls -d place/results/*-test/)record.json" evil-load.json
for format in markdown html junit table; do
    run "$bin/render-report" evil-load.json --format $format --output evil.$format --plots evil-load-plots
    exits 0 "a load record likewise, as $format"
done
unlike "$(prose evil.markdown)" '(^|[^\])<script>' 'without a script in the Markdown'
unlike "$(prose evil.markdown)" '[^\]\]\(j:' 'or a link'
for format in html junit; do
    unlike "$(cat evil.$format)" '<script>' "or one in the $format"
done
perl -MXML::Parser -e 1 2>/dev/null && { perl -MXML::Parser -e 'XML::Parser->new->parsefile($ARGV[0])' evil.junit; ok $? 'the XML is well-formed'; }
[ ! -e pwned ] && ! find . -name pwned | grep -q .
ok $? 'and nothing was run'

# --- paths that are not text
odd=$'odd\xff.json'
cp place/c.json "$odd"
run "$bin/show-batch-config" --config "$odd" --format json
refuses 'not UTF-8' 'a path that is no text is refused in one line'
done_testing
