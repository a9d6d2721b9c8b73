package Bench::Figure;

# The figures that are worth a target: ours, what stands beside it, the ratio,
# what it should be.  Said, never asserted.

use v5.36;

use Exporter 'import';
use Bench::Rig;

our @EXPORT = qw(figure figure_to figures_say);


# One line of the table, or none where ours was not measured:
#
#     figure('CPU per event', '%.2f us', $ours, $floor, 'floor', most => 1.1)
#
# "most" and "least" are of the ratio where something stands beside it, and of
# the value itself where nothing does.

sub figure ($what, $format, $ours, $beside = undef, $than = undef, %target) {
    return () if !defined $ours || (defined $than && !defined $beside);

    my $ratio = $than && $beside > 0 ? $ours / $beside : undef;
    my $value = $than ? $ratio : $ours;
    my %f = (figure => $what, ours => $ours, beside => $beside, than => $than,
             ratio => $ratio, format => $format, target => 'none');

    for my $bound (grep { defined $target{$_} } qw(most least)) {
        my $limit = $target{$bound};

        $f{target} = ($bound eq 'most' ? '<= ' : '>= ')
                   . ($than ? "x$limit" : shown($format, $limit));
        $f{reached} = !defined $value ? undef
                    : ($bound eq 'most' ? $value <= $limit : $value >= $limit)
                    ? \1 : \0;
    }

    return \%f;
}


# A value that stands for itself, with its bound as text: "<= x1.2", ">= 5".

sub figure_to ($what, $format, $value, $bound) {
    my ($how, $limit) = $bound =~ /^([<>]=)?\s*x?([\d.]+)/;

    return figure($what, $format, $value, undef, undef,
                  ($how // '<=') eq '<=' ? 'most' : 'least', $limit);
}


# A value in its format, "commas" being one, with its unit.

sub shown ($format, $value) {
    return '-' if !defined $value;
    return $format =~ /^commas(.*)/ ? commas($value) . $1
                                    : sprintf $format, $value;
}


sub figures_say (@figures) {
    my $row = "%-46s %14s %35s %8s %16s  %s\n";

    printf $row, 'figure', 'ours', 'beside', 'ratio', 'target', 'reached';

    for my $f (@figures) {
        printf $row, $f->{figure}, shown($f->{format}, $f->{ours}),
            $f->{than} ? "$f->{than} " . shown($f->{format}, $f->{beside}) : '',
            defined $f->{ratio} ? sprintf('x%.2f', $f->{ratio}) : '',
            $f->{target}, !defined $f->{reached} ? '' : ${$f->{reached}} ? 'yes'
                                                                     : 'no';
    }
}


1;
