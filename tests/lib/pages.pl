#!/usr/bin/perl
# Reads the project's pages for tests/commands/docs.sh, from the repository's root.
#
#   pages.pl blocks PAGE FOLDER      writes each fenced block to FOLDER/LINE.MARK (its mark: sh, console, c, json, ...)
#   pages.pl commands BLOCK          prints a block's commands, a line each: continued lines joined, comments left out
#   pages.pl names HELP PAGE...      prints what the pages name and is not there: "PAGE:LINE: what"
#
# HELP is a folder with what each program says to --help, in a file of the program's name (perf-gate's commands: "perf-gate
# record"). Names are looked for in blocks marked sh and console, and in `code spans` of the text.
use strict;
use warnings;

my ($mode, @arguments) = @ARGV;

sub lines_of {
    my ($file) = @_;
    open my $in, '<', $file or die "pages.pl: $file: $!\n";
    chomp(my @lines = <$in>);
    return @lines;
}

# A page's lines, each as [number, text], and those of a block as [number, text, the block's mark, where it begins]; a fence
# itself is left out.
sub parts_of {
    my ($page) = @_;
    my (@parts, @block);
    my $number = 0;
    for my $line (lines_of($page)) {
        $number++;
        if ($line =~ /^\s*```(\S*)/) { @block = @block ? () : ($1 || 'unmarked', $number) }
        else { push @parts, [$number, $line, @block] }
    }
    die "$page:$block[1]: a block has no end\n" if @block;
    return @parts;
}

# Lines as commands: those that end with a backslash joined to the next, comments left out. Each as [its last line's index, text].
sub commands_in {
    my (@commands, $begun);
    for my $index (0 .. $#_) {
        my $text = ($begun // '') . $_[$index] =~ s/^\s*#.*//r =~ s/\s+#\s.*//r;
        undef $begun;
        if ($text =~ s/\\$//) { $begun = $text }
        elsif ($text =~ /\S/) { push @commands, [$index, $text =~ s/^\s+|\s+$//gr =~ s/\s{2,}/ /gr] }
    }
    return @commands;
}

# ---- what there is ----

my (%help, %is_target);
sub read_what_there_is {
    my ($folder) = @_;
    for my $file (glob "$folder/*") {
        my $text = join "\n", lines_of($file);
        my %options;
        for my $option ($text =~ /--(?:\[no-\])?[a-z][a-z0-9-]*/g) {
            my $plain = $option =~ s/\[no-\]//r;
            $options{$plain} = 1;
            $options{$plain =~ s/^--/--no-/r} = 1 if $plain ne $option;
        }
        $help{$file =~ s{.*/}{}r} = \%options;
    }
    %is_target = map { $_ => 1 } map { /^([a-z-]+):/ ? $1 : () } map { lines_of($_) } 'Makefile', glob '*/*.mk';
}

sub any_program_has { my ($option) = @_; return grep { $_->{$option} } values %help }

# A file, a pattern that some file fits, or what git ignores, since runs leave it there.
sub is_there {
    my ($path) = @_;
    return scalar(my @found = glob $path) if $path =~ /[*?]/;
    return -e $path || system('git', 'check-ignore', '-q', $path) == 0;
}

# ---- what is named ----

my $complain;
my $folders = qr{(?:src|tests|tools|configs|shim|findings|docs|plots|results|\.ci)/};

sub check_path {
    my ($word) = @_;
    return if $word !~ m{^$folders[A-Za-z0-9_./*?-]*$} || $word =~ /NAME|LAYER/; # which stand for any
    $complain->("there is no $word") unless is_there($word =~ s{[.,]$}{}r);
}

sub check_options {
    my ($program, $words) = @_;
    my $known = $help{$program};
    for my $option ($words =~ /(?<![\w-])--[a-z][a-z0-9-]*/g) {
        if ($known) { $complain->("$program has no $option") unless $known->{$option} }
        else { $complain->("no program has $option") unless any_program_has($option) }
    }
}

sub check_make {
    my ($words) = @_;
    my $arguments = $words =~ s/\bARGS="([^"]*)"|\bARGS='([^']*)'|\bARGS=(\S+)// ? $1 // $2 // $3 : '';
    my @tests = $words =~ s/\bTESTS="([^"]*)"|\bTESTS=(\S+)// ? split ' ', $1 // $2 : ();
    my $program = 'make';
    for my $word (split ' ', $words) {
        if ($word =~ /^PROFILE=([a-z-]+)$/) { check_path("configs/profiles/$1.json") }
        elsif ($word =~ /^([A-Z_]+)=/) { check_variable($1) }
        elsif ($word =~ /^-/) { next }
        elsif (!$is_target{$word}) { $complain->("the makefile has no target $word") }
        else { $program = $word eq 'perf-gate' ? 'perf-gate run' : $word }
    }
    check_options($program, $arguments);
    for my $test (@tests) {
        $complain->("there is no test $test") unless grep { is_there($_) } "tests/unit/$test.c", "tests/commands/$test.sh";
    }
}

sub check_variable {
    my ($name) = @_;
    $complain->("nothing reads $name") if system("grep -rqw -- '$name' Makefile tools src shim tests/lib tests/run") != 0;
}

sub check_command {
    my ($text) = @_;
    for my $command (split /\s*(?:&&|\|\||[|;])\s+/, $text) {
        $command =~ s/^([A-Z_][A-Z0-9_]*)=\S*\s+// while $command =~ /^[A-Z_][A-Z0-9_]*=\S*\s+\S/;
        my ($first, $rest) = $command =~ /^(\S+)\s*(.*)$/ or next;
        my $name = $first =~ s{^build/(?:bin|tests|bench)/}{}r;
        if ($first eq 'make') { check_make($rest) }
        elsif ($first =~ m{^build/(?:bin|tests|bench)/} || exists $help{$name}) {
            my ($second) = $rest =~ /^([a-z]+)\b/;
            my $file = $first =~ s/^build/$ENV{O} || 'build'/er;
            $complain->("there is no program $first") unless exists $help{$name} || -x $file;
            $name = "$name $second" if $second && $help{"$name $second"};
            check_options($name, $rest) if exists $help{$name};
        }
        check_path($_) for split /[\s=,]+/, $command;
    }
}

sub check_span {
    my ($text) = @_;
    if ($text =~ /^--/) { check_options('', $text) }
    elsif ($text =~ /^([A-Z_]+)=/) { $1 eq 'PROFILE' || $1 eq 'TESTS' ? check_make($text) : check_variable($1) }
    else { check_command($text) }
    for my $name ($text =~ /\b(?:bt|BT)_[A-Za-z0-9_]*[A-Za-z0-9]\b/g) {
        next if $name =~ /^bt_x_/; # stands for any
        $complain->("nothing is called $name") if system("grep -rqw -- '$name' src") != 0 && $text !~ /\Q$name\E_\*/;
    }
}

sub check_names {
    my ($page) = @_;
    my %commands; # lines of blocks, by where the block begins
    for my $part (parts_of($page)) {
        my ($number, $text, $mark, $begin) = @$part;
        $complain = sub { print "$page:$number: $_[0]\n" };
        if (!defined $mark) {
            $complain->('a `span` goes on in the next line, where nobody checks it') if ($text =~ tr/`//) % 2;
            check_span($1) while $text =~ /`([^`]+)`/g;
        } elsif ($mark eq 'sh' || $mark eq 'console') {
            push @{ $commands{$begin} }, $text;
        }
    }
    for my $begin (sort { $a <=> $b } keys %commands) {
        for my $command (commands_in(@{ $commands{$begin} })) {
            my ($index, $text) = @$command;
            $complain = sub { printf "%s:%d: %s\n", $page, $begin + 1 + $index, $_[0] };
            check_command($text);
        }
    }
}

if ($mode eq 'blocks') {
    my ($page, $folder) = @arguments;
    for my $part (parts_of($page)) {
        my ($number, $text, $mark, $begin) = @$part;
        next unless defined $mark;
        my $file = sprintf '%s/%04d.%s', $folder, $begin, $mark;
        open my $out, '>>', $file or die "pages.pl: $file: $!\n";
        print $out "$text\n";
    }
} elsif ($mode eq 'commands') {
    print "$_->[1]\n" for commands_in(lines_of($arguments[0]));
} elsif ($mode eq 'names') {
    read_what_there_is(shift @arguments);
    check_names($_) for @arguments;
}
