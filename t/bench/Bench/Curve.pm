package Bench::Curve;

# Which results of "make bench" make which picture.

use v5.36;

use Exporter 'import';
use KafkaSSE::Rig qw(spew);
use Bench::Rig qw(median commas);
use Bench::Plot;

our @EXPORT = qw(curves);

my %pictures = (
    cost       => \&cost,
    throughput => \&throughput,
    memory     => \&memory,
    keyed      => \&keyed,
);


# Draws what there are results for, into files that begin so; returns their
# names.

sub curves ($all, $dir, $prefix = 'bench-') {
    my @drawn;

    for my $name (sort keys %pictures) {
        my $svg = $pictures{$name}->($all) // next;

        spew("$dir/$prefix$name.svg", $svg);
        push @drawn, "$prefix$name.svg";
    }

    return @drawn;
}


sub cost ($all) {
    my $by = $all->{rates}{cost} // return undef;

    return plot_lines({
        title => 'CPU of one delivered event, 1,000 streams, one core',
        x => { name => 'records per second, each to all streams', log => 1,
               ticks => [ 10, 30, 100, 300, 1000, 3000 ] },
        y => { name => 'us per event, worker and companion', log => 1,
               ticks => [ 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50 ] },
        lines => [ map {
            my $points = $by->{$_};
            { name => $_, points => [ map { [ $_->{rate}, $_->{cpu} ] }
                                      @$points ] };
        } ranked($all->{rates}, $by) ],
    });
}


sub throughput ($all) {
    my $by = $all->{rates}{most} // return undef;

    return plot_lines({
        title => 'Most delivered per second, p99 <= 250 ms, one core',
        x => { name => 'streams', log => 1,
               ticks => [ 100, 200, 500, 1000, 2000, 5000, 10_000 ] },
        y => { name => 'events per second', log => 1 },
        lines => [ map {
            my $points = $by->{$_};
            { name => $_, points => [ map { [ $_->{streams},
                                              $_->{delivered} ] } @$points ] };
        } ranked($all->{rates}, $by) ],
    });
}


sub ranked ($rates, $by) {
    return grep { $by->{$_} && @{$by->{$_}} } @{$rates->{order}};
}


sub memory ($all) {
    my $rows = $all->{memory}{rows} // return undef;
    my ($most) = sort { $b <=> $a } @{$all->{memory}{streams}};
    my @groups;

    for my $headers ('small headers', "a browser's headers") {
        my @bars = map { { name => $_->{short}, colour => $_->{ours} ? 0 : 5,
                           value => $_->{median}{memory}{$most} } }
                   grep { $_->{headers} eq $headers
                          && $_->{median}{memory}{$most} } @$rows;

        push @groups, { name => $headers, bars => \@bars } if @bars;
    }

    return plot_bars({ title => 'Memory of the worker per stream, '
                                . commas($most) . ' of them idle',
                       unit => 'bytes per stream', groups => \@groups });
}


# By number of keys; each record is for one stream, however many there are.

sub keyed ($all) {
    my $runs = $all->{keyed}{runs} // return undef;
    my @groups;

    for my $keys (@{$all->{keyed}{keys}}) {
        my $n = commas($keys);
        my @bars = map { { name => s/,[^,]* \Q$n\E keys//r,
                           colour => /ours/ ? 0 : 5,
                           value => median(map { $_->{r}{cpu} }
                                               @{$runs->{$_}}) } }
                   grep { /\b\Q$n\E keys/ } reverse sort keys %$runs;

        push @groups, { name => "$n streams", bars => \@bars } if @bars;
    }

    return plot_bars({ title => 'CPU of a record for one of many streams, '
                                . commas($all->{keyed}{rate}) . ' records/s',
                       unit => 'us per record, worker and companion',
                       groups => \@groups });
}


1;
