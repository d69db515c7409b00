#!/usr/bin/perl
# A program's manual page, from what it says of itself: the options table as `make docs` takes it (--help=markdown), and
# the examples of --help.
#
#   tools/package/manual.pl build/bin/serve-production VERSION >serve-production.1
#
# A program of several commands (perf-gate) gets one page, with a part for each. The two helpers that explain nothing,
# since other programs start them, get a page that says so.
use strict;
use warnings;
use File::Basename qw(basename);

my ($program, $version) = @ARGV;
$ENV{COLUMNS} = 76;
defined $version or die "usage: manual.pl PROGRAM VERSION\n";
my $name   = basename($program);
my %helper = (
    'probe-worker' => 'measures one model for optimize-batch, which starts it',
    'gate-probe'   => 'measures one version of batchtune for perf-gate, which starts it',
);

sub said {
    my @command = @_;
    open my $out, '-|', @command or die "$command[0]: $!\n";
    local $/;
    my $text = <$out>;
    close $out or die "@command: fails\n";
    return $text;
}

# Text that roff takes as it is: a dash of an option must stay one that can be copied.
sub plain {
    my ($text) = @_;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    $text =~ s/^([.'])/\\&$1/mg;
    return $text;
}

# One paragraph; what stands in backticks there is bold here.
sub prose {
    my $text = plain(join ' ', split ' ', $_[0]);
    $text =~ s/`([^`]+)`/\\fB$1\\fR/g;
    $text =~ s/^\\f/\\&\\f/;
    return "$text\n";
}

sub block { return ".nf\n" . plain($_[0]) . ".fi\n" }

# "- `--port PORT` (`port`; default 8000): The port" and "- `0` *good*: it served".
sub item {
    my ($text) = @_;
    my ($flag, $rest) = $text =~ /^- `([^`]+)`(.*)$/s or die "$name: no item: $text";
    my ($word, $values) = split ' ', $flag, 2;
    my $head = '.TP' . "\n\\fB" . plain($word) . '\\fR' . (defined $values ? ' ' . plain($values) : '') . "\n";
    return $head . prose("$2 ($1)") if $rest =~ /^ \((.*?)\): (.*)$/s;
    $rest =~ s/^ \*([^*]+)\*:/$1:/;
    $rest =~ s/^: //;
    return $head . prose($rest);
}

# One command's Markdown: its usage, its summary, and the sections behind them.
sub command {
    my ($text) = @_;
    $text =~ s/\A## .*\n\n//;
    my ($summary, $usage, $body) = $text =~ /\A(.*?)\n\n```text\n(.*?)\n```\n\n?(.*)\z/s or die "$name: no usage\n";
    my $pages = '';
    while ($body =~ /\G\s*(?:\*\*(.+?)\*\*|```text\n(.*?)```|(- .*?)(?=\n- |\n\n|\n*\z))/gs) {
        $pages .= defined $1 ? ($1 eq 'Exit codes' ? ".SS Exit status\n" : '.SS ' . plain($1) . "\n")
                : defined $2 ? ".PP\n" . block($2) : item($3);
    }
    return ($usage, $summary, $pages);
}

sub examples {
    my ($help) = @_;
    return $help =~ /^Examples:\n(.*?)(?=^\S|\z)/ms ? ".SS Examples\n" . block($1) : '';
}

# What stands behind the program's name in each of its commands: one empty word where it has none.
sub words {
    my ($help) = @_;
    my ($list) = $help =~ /^Commands:\n(.*?)\n\n/ms;
    return defined $list ? $list =~ /^  ([a-z-]+) /mg : ('');
}

sub head {
    my ($what) = @_;
    return sprintf(".TH %s 1 \"\" \"batchtune %s\" \"User Commands\"\n.SH NAME\n%s \\- %s\n", plain(uc $name), $version,
        plain($name), plain($what));
}

if ($helper{$name}) {
    print head($helper{$name}), ".SH DESCRIPTION\n", prose("It $helper{$name}, and is of no use on its own.");
    exit;
}

my $help  = said($program, '--help');
my @words = words($help);
my ($usages, $parts, $about) = ('', '', '');
for my $word (@words) {
    my @call = ($program, length $word ? $word : ());
    my ($usage, $summary, $page) = command(said(@call, '--help=markdown'));
    $usages .= ($usages ? ".br\n" : '') . '\\fB' . plain($name) . '\\fR' . plain(substr $usage, length $name) . "\n";
    $about ||= $summary;
    $parts .= '.SH ' . (length $word ? plain("$name $word") : 'OPTIONS') . "\n";
    $parts .= prose($summary) if length $word;
    $parts .= $page . examples(length $word ? said(@call, '--help') : $help);
}
($about) = $help =~ /\n\n(.*?)\n\nCommands:/s if @words > 1;
my ($short) = join(' ', split ' ', $about) =~ /^(.*?)(?:[.](?: |$)|$)/;
print head(lcfirst $short), ".SH SYNOPSIS\n", $usages, ".SH DESCRIPTION\n", prose($about), $parts;
