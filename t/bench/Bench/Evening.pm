package Bench::Evening;

# The evening of a food delivery, as Fjord had it: 9,000 clients, 100 records a
# second to each of them, on one core.

use v5.36;

use Bench::Rig;
use Bench::Row;
use Bench::Figure;

my $streams = 9000;
my $rate    = 100;
my $seconds = $quick ? 2 : 10;
my $window  = 'kafka_sse_flush 100ms';

my @rows = (
    { name => 'ours, no window', row => $ours },
    { name => 'ours, flush 100ms', row => $ours,
      opt => { location => [ $window ] } },
    { name => $gather, row => $gather },
    { name => $nchan, row => $nchan, seconds => $quick ? 1 : 3 },
);


sub new ($class) {
    my @mine = @rows;

    for my $row (@mine) {
        ($row->{is}) = rows($row->{row});
        $row->{is}{name} = $row->{name};
    }

    return bless { rows => \@mine, runs => {} }, $class;
}


# One that does not keep up has a while to get on, and is shown with as much as
# it brought; nchan has a shorter evening, as its feed waits for each record.

sub measure ($self) {
    for my $row (@{$self->{rows}}) {
        eval { $self->evening($row); 1 }
            or wrong("evening, $row->{name}: $@");
        servers_stop();
    }

    push @{$self->{rows}}, shift @{$self->{rows}};
}


# Where there are cores for it, two processes hold the streams.

sub evening ($self, $this) {
    my ($name, $row) = @$this{qw(name is)};

    $row->start($streams, loads => $cores > 3 ? 2 : 1, %{$this->{opt} // {}});

    my $r = $row->at($rate, $this->{seconds} // $seconds, $quick ? 1 : 5);

    $self->{conf}{$name} = $row->{conf};
    $row->stop;
    push @{$self->{runs}{$name}}, $r;

    printf "  %-22s %.0f %% of the core, p99 %.0f ms, the load had %.0f %% of "
         . "its own\n", $name, $r->{share}, $r->{latency_us}{p99} / 1000,
        $r->{load_share};

    # what is more than somebody can do is no mistake of his

    wrong("evening, $name: $r->{why}")
        if $r->{why} && ($name =~ /ours/ || !Bench::Row::overloaded($r));
}


my @columns = (
    [ sub { $_[0]{share} },                  '% of the', 'core',     '%.0f' ],
    [ \&companion,                           '% of one', 'companion', '%.1f' ],
    [ sub { $_[0]{worker} },                 'us/event', 'worker',   '%.2f' ],
    [ sub { $_[0]{latency_us}{p50} / 1000 }, 'p50 ms',   '',         '%.0f' ],
    [ sub { $_[0]{latency_us}{p99} / 1000 }, 'p99 ms',   '',         '%.0f' ],
    [ sub { $_[0]{delivered} },              'events/s', '',         'commas' ],
    [ sub { $_[0]{received} / $_[0]{expected} * 100 },
                                             '% of all', 'received', '%.1f' ],
    [ sub { $_[0]{load_share} },             '% of one', 'load',     '%.0f' ],
);


sub companion ($r) {
    my $us = $r->{cpu_us}{companion};
    return $us && $us / 1e4 / $r->{wall};
}


sub finish ($self) {
    my $runs = $self->{runs};
    my $median = $self->{median} = {};

    say "Fjord's evening: ", commas($streams), " streams, $rate records/s of ",
        "$size bytes to each, for $seconds s.\nWorker on core $server_core, ",
        "all else on $other_cores.\n";

    line('', map { $_->[1] } @columns);
    line('', map { $_->[2] } @columns);

    for my $name (grep { $runs->{$_} } map { $_->{name} } @rows) {
        my @m = map { my $of = $_->[0];
                      median(map { $of->($_) } @{$runs->{$name}}) } @columns;

        line($name, map { cell($columns[$_][3], $m[$_]) } 0 .. $#columns);
        $median->{$name} = { share => $m[0], p99 => $m[4], whole => $m[6] };
    }

    say "\nWhere the load had more than 90 %, the latency is its own."
        if grep { $_->{load_share} > 90 } map { @$_ } values %$runs;

    return { streams => $streams, rate => $rate, seconds => $seconds,
             runs => $runs, conf => $self->{conf}, median => $median };
}


sub figures ($self) {
    my @targets = ([ 'ours, no window',   'no window',   95, 350 ],
                   [ 'ours, flush 100ms', 'flush 100ms', 55, 450 ]);

    return map {
        my ($name, $what, $share, $p99) = @$_;
        my $m = $self->{median}{$name};

        (figure("evening, $what: share of the core", '%.0f %%', $m->{share},
                undef, undef, most => $share),
         figure("evening, $what: p99", '%.0f ms', $m->{p99}, undef, undef,
                most => $p99));
    } @targets;
}


1;
