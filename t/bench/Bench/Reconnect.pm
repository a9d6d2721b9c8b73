package Bench::Reconnect;

# Mobile clients: 1,000 streams at 100 records/s, of which 200 a second are cut
# and come back at once with their last id.  Nothing may be lost, nothing come
# twice; beside nchan under the same, and beside ours without it.

use v5.36;

use KafkaSSE::Rig qw(unique);
use Bench::Rig;
use Bench::Table;

my $streams = 1000;
my $rate    = 100;
my $cuts    = 200;                      # a second
my $seconds = $quick ? 3 : 10;
my ($ours, $nchan) = ('ours', 'nchan');

my @rows = (
    { name => $ours, start => \&ours_fed },
    { name => $nchan, start => sub { nchan($streams * 2, '') } },
);


sub new ($class) { bless { name => 'reconnect', runs => {} }, $class }


sub ours_fed {
    my $topic = unique('reconnect');
    my $feed = kafka_feed($topic);
    my $node = ours(streams => $streams * 2, topic => $topic,
                    brokers => $feed->{brokers});

    $node->{feed} = $feed;

    return $node;
}


sub measure ($self) {
    for my $row (@rows) {
        my $name = $row->{name};

        eval { $self->measure_row($row); 1 } or wrong("reconnect, $name: $@");
        servers_stop();
    }

    @rows = reverse @rows;              # the other one begins the next round
}


sub measure_row ($self, $row) {
    my $name = $row->{name};
    my $server = $row->{start}->();

    $self->{conf}{$name} = $server->{conf};
    ready($server, $streams);

    my $load = $server->{load};
    my $quiet = phase($server, $rate, $seconds, 5);
    my $cut = phase($server, $rate, $seconds, 10, sub (@) {
        talk($load, "cut $cuts");
    });

    # what comes now was sent twice, or belongs to a stream that is not there

    my $open = talk($load, 'cut 0')->{open};
    my $after = phase($server, $rate, 1, 5);

    $cut->{open} = $open;
    $self->check($name, $quiet, $cut, $after);

    push @{$self->{runs}{"$name, none"}}, $quiet;
    push @{$self->{runs}{"$name, $cuts/s"}}, $cut;

    printf "  %-22s %6.2f us each, %6.2f us with %d cuts: %d lost, %d missing,"
         . " %d repeated%s\n", $name, $quiet->{cpu}, $cut->{cpu},
        $cut->{cuts}{cut}, @$cut{qw(lost missing repeated)},
        say_others($cut->{others});
}


# Ours has to be right.  What nchan loses stands in the table; only what nobody
# sent is wrong there, too.

sub check ($self, $name, $quiet, $cut, $after) {
    my %phase = ('without cuts' => $quiet, cut => $cut, afterwards => $after);

    for my $when (sort keys %phase) {
        my $r = $phase{$when};
        my $why = $name eq $ours ? complaint($r)
                : $r->{bad} ? "bad: $r->{bad} ($r->{sample})" : undef;

        wrong("reconnect, $name, $when: $why") if $why;
    }

    my $made = $cut->{cuts}{cut} // 0;

    wrong("reconnect, $name: $made cuts of " . $cuts * $seconds)
        if $made < 0.9 * $cuts * $seconds;
    wrong("reconnect, $name: $cut->{open} streams open of $streams")
        if $cut->{open} != $streams;
}


sub to_record ($r, $p) { $r->{cuts} && $r->{cuts}{cut_us}{$p} / 1000 }


my @columns = (
    [ sub { $_[0]{cpu} },                    'us/event', '',         '%.2f' ],
    [ sub { $_[0]{worker} },                 'worker',   'only',     '%.2f' ],
    [ sub { $_[0]{latency_us}{p50} / 1000 }, 'p50 ms',   '',         '%.2f' ],
    [ sub { $_[0]{latency_us}{p99} / 1000 }, 'p99 ms',   '',         '%.2f' ],
    [ sub { $_[0]{cuts} && $_[0]{cuts}{cut} },
                                             'cut',      '',         'commas' ],
    [ sub { $_[0]{lost} },                   'lost',     '',         'commas' ],
    [ sub { $_[0]{repeated} },               'repeated', '',         'commas' ],
    [ sub { to_record($_[0], 'p50') },       'p50 ms',   'to record', '%.1f' ],
    [ sub { to_record($_[0], 'p99') },       'p99 ms',   'to record', '%.1f' ],
);


sub finish ($self) {
    my $runs = $self->{runs};
    my @names = map { ("$_, none", "$_, $cuts/s") } $ours, $nchan;

    say commas($streams), " streams, $rate records/s of $size bytes; $cuts of ",
        "them a second are cut and come back at once\nwith their last id, for ",
        "$seconds s; nchan's records are in memory.  Worker on\ncore ",
        "$server_core, all else on $other_cores.\n";

    my $m = table(\@columns, map { [ $_, @{$runs->{$_}} ] }
                              grep { $runs->{$_} } @names);

    ratios($m, 'ours', $names[1], [ @names[0, 3] ], 0 .. 3, 7 .. 8);

    if ($m->{$names[1]} && $m->{$names[3]}) {
        say '';
        target("$cuts reconnects/s: CPU per event, ours / nchan", 'x%.2f',
               $m->{$names[1]}[0] / $m->{$names[3]}[0], '<= x0.65');
        target("$cuts reconnects/s: lost and repeated", '%d',
               $m->{$names[1]}[5] + $m->{$names[1]}[6], '0');
    }

    return { streams => $streams, rate => $rate, cuts => $cuts,
             seconds => $seconds, runs => $runs, conf => $self->{conf} };
}


1;
