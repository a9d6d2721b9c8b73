package Bench::Events;

# What one delivered event costs, beside a bare send() loop and beside Debian's
# nchan: at given rates, and as many as go.

use v5.36;

use Bench::Rig;
use Bench::Row;
use Bench::Figure;

my @counts  = split ' ', $ENV{STREAMS} // ($quick ? '1000' : '1000 5000');
my @rates   = (10, 100);
my $seconds = $quick ? 1 : 3;
my $step    = $quick ? 1 : 2;           # seconds of one rate of the ramp


sub new ($class) {
    my @rows = chosen();
    return bless { rows => \@rows, streams => \@counts,
                   results => { map { $_->{name} => {} } @rows } }, $class;
}


# The most is asked of the first number of streams only.

sub measure ($self) {
    for my $row (@{$self->{rows}}) {
        my $result = $self->{results}{$row->{name}};
        next if $result->{skipped};

        if (!eval { row_measure($row, $result); 1 }) {
            $result->{skipped} = $@ =~ s/\n.*//sr;
            wrong("events, $row->{name}: $@");
        }

        servers_stop();
    }

    Bench::Row::turn($self->{rows});
}


sub row_measure ($row, $result) {
    for my $n (@counts) {
        my $for = $result->{$n} //= {};

        $row->start($n);
        $result->{conf} = $row->{conf};

        push @{$for->{connect_us}}, $row->{connect_us};
        push @{$for->{memory}}, $row->{memory};

        for my $rate (@rates) {
            my $r = $row->at($rate, $seconds, 5);
            push @{$for->{"at_$rate"}}, $r;

            # what is more than somebody can do is no mistake of his

            wrong("events, $row->{name}, $rate/s: $r->{why}")
                if $r->{why} && !($n != $counts[0]
                                  && Bench::Row::overloaded($r));
        }

        if ($n == $counts[0]) {
            my $guess = 1e6 / $for->{"at_$rates[-1]"}[-1]{cpu} / $n;
            push @{$for->{peak}}, $row->ramp(0.8 * $guess, $step);
        }

        $row->stop;
    }
}


# Medians of one row at one number of streams.  Of a rate at which not all has
# come there is no figure.

sub row_median ($for) {
    my %m;

    for my $rate (@rates) {
        my @r = grep { !$_->{why} } @{$for->{"at_$rate"} // []};

        $m{"cpu_$rate"} = median(map { $_->{cpu} } @r);
        $m{"worker_$rate"} = median(map { $_->{worker} } @r);
        $m{"p50_$rate"} = median(map { $_->{latency_us}{p50} / 1000 } @r);
        $m{"p99_$rate"} = median(map { $_->{latency_us}{p99} / 1000 } @r);
    }

    my @peak = grep { defined } @{$for->{peak} // []};

    $m{peak} = median(map { $_->{delivered} } @peak);
    $m{peak_p99} = median(map { $_->{latency_us}{p99} / 1000 } @peak);
    $m{peak_share} = median(map { $_->{share} } @peak);
    $m{memory} = median(@{$for->{memory} // []});
    $m{connect_us} = median(@{$for->{connect_us} // []});

    return \%m;
}


# The table: what it prints, and how.

my @columns = (
    [ 'cpu_10',     'us/event', 'at 10/s',   '%.2f' ],
    [ 'cpu_100',    'us/event', 'at 100/s',  '%.2f' ],
    [ 'worker_10',  'worker',   'at 10/s',   '%.2f' ],
    [ 'worker_100', 'worker',   'at 100/s',  '%.2f' ],
    [ 'p50_100',    'p50 ms',   'at 100/s',  '%.2f' ],
    [ 'p99_100',    'p99 ms',   'at 100/s',  '%.2f' ],
    [ 'peak',       'most',     'events/s',  'commas' ],
    [ 'peak_p99',   'p99 ms',   'then',      '%.0f' ],
    [ 'peak_share', '% of core', 'then',     '%.0f' ],
    [ 'memory',     'bytes per', 'stream',   'commas' ],
    [ 'connect_us', 'us per',   'connect',   '%.1f' ],
);


sub finish ($self) {
    my $results = $self->{results};

    say "Plain HTTP/1.1, $size-byte records; worker on core $server_core, all ",
        "else on $other_cores.\nus/event: CPU of worker and companion, then ",
        "of the worker alone.  Latency begins when a\nrecord was due; ours ",
        "goes by Kafka, Redis and the ring, nchan's by a POST, the floor's\n",
        "by a pipe.  The most is with p99 <= 250 ms; where the worker has core ",
        "left then, it\nis the others' core that was the bound.";

    for my $n (@counts) {
        $_->{$n}{median} = row_median($_->{$n})
            for grep { $_->{$n} } values %$results;
        table($results, $n);
    }

    for my $name (grep { $results->{$_}{conf} } names($results)) {
        say "\n$name:";
        say $results->{$name}{conf} =~ s/^/    /mgr =~ s/\n+\z//r;
    }

    return { streams => \@counts, results => $results };
}


sub names ($results) {
    return grep { $results->{$_} } map { $_->{name} } chosen();
}


sub table ($results, $n) {
    my %m = map { $_ => $results->{$_}{$n}{median} } names($results);
    my @done = grep { $m{$_} } names($results);

    say "\n", commas($n), " streams\n";
    line('', map { $_->[1] } @columns);
    line('', map { $_->[2] } @columns);
    line($_, cells($m{$_})) for @done;

    return if !$m{$ours};

    say "\nours as a multiple of";

    for my $name (grep { $_ ne $ours } @done) {
        say_ratio("  $name", $m{$ours}, $m{$name}, map { $_->[0] } @columns);
    }
}


sub cells ($m) {
    return map { cell($_->[3], $m->{$_->[0]}) } @columns;
}


sub figures ($self) {
    my $results = $self->{results};
    my @figures;

    for my $n (@counts) {
        my %m = map { $_ => $results->{$_}{$n}{median} } keys %$results;
        my $m = $m{$ours};
        my $for = commas($n) . ' streams';

        for my $rate (@rates) {
            my $what = "event at $rate/s, $for: CPU";
            my @than = $rate == 10 ? (1.1, 0.65) : ();

            push @figures,
                figure($what, '%.2f us', $m->{"cpu_$rate"},
                       $m{$loop}{"cpu_$rate"}, 'loop', most => $than[0]),
                figure("$what of worker", '%.2f us', $m->{"worker_$rate"},
                       $m{$loop}{"worker_$rate"}, 'loop', most => $than[0]),
                figure($what, '%.2f us', $m->{"cpu_$rate"},
                       $m{$nchan}{"cpu_$rate"}, 'nchan', most => $than[1]);
        }

        next if $n != $counts[0];

        push @figures,
            figure("most events/s, $for", 'commas', $m->{peak}, undef, undef,
                   least => 2_000_000),
            figure("most events/s, $for", 'commas', $m->{peak},
                   $m{$nchan}{peak}, 'nchan', least => 20),
            figure("most events/s, $for", 'commas', $m->{peak},
                   $m{$gather}{peak}, 'gathering', least => 0.6),
            figure('most events/s, by Redis', 'commas', $m->{peak},
                   $m{$direct}{peak}, 'directly', least => 0.95),
            figure("p99 at 100/s, $for", '%.1f ms', $m->{p99_100},
                   $m{$loop}{p99_100}, 'loop', most => 1.5),
            figure("p99 at 100/s, $for", '%.1f ms', $m->{p99_100},
                   $m{$nchan}{p99_100}, 'nchan', most => 0.25);
    }

    return @figures;
}


1;
