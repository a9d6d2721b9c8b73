package Bench::Table;

# A part's table: a row for each who was measured, with the medians of all
# rounds, and below it what the figures should be.  Said, never asserted.

use v5.36;

use Exporter 'import';
use Bench::Rig;
use Bench::Figure;

our @EXPORT = qw(table ratios target);

my @targets;


# Columns are [ sub ($run) { value }, two lines of head, format ]; rows are
# [ name, run of each round ].  Returns the medians: name => [ values ].

sub table ($columns, @rows) {
    my %medians;

    line('', map { $_->[1] } @$columns);
    line('', map { $_->[2] } @$columns);

    for my $row (@rows) {
        my ($name, @runs) = @$row;

        $medians{$name} = [ map { my $of = $_->[0];
                                  median(map { $of->($_) } @runs) } @$columns ];
        line($name, map { cell($columns->[$_][3], $medians{$name}[$_]) }
                        0 .. $#$columns);
    }

    return \%medians;
}


# One row as a multiple of others, in columns where that says something.

sub ratios ($medians, $called, $of, $others, @columns) {
    my %of;

    return if !$medians->{$of};
    @of{@columns} = @{$medians->{$of}}[@columns];
    say '';

    for my $name (grep { $medians->{$_} } @$others) {
        say_ratio("$called / $name", \%of,
                  { map { $_ => $medians->{$name}[$_] } @columns },
                  0 .. $#{$medians->{$of}});
    }
}


# Here, and once more in the table of all figures.

sub target ($what, $format, $value, $bound) {
    printf "%-56s %9s   target %s\n", $what, cell($format, $value), $bound;

    push @targets, figure_to($what, $format, $value, $bound);
}


# What has been said since they were asked for.

sub targets { splice @targets }


1;
