package Bench::Slow;

# 400 streams, 8 KB records at 50/s, and 100 of the streams read 500 bytes a
# second: what the others notice, and how much memory that takes.  Beside the
# same with nobody slow, and beside nchan.

use v5.36;

use List::Util qw(max);
use Time::HiRes qw(time sleep);
use KafkaSSE::Rig qw(unique);
use Bench::Rig;
use Bench::Table;

my $streams = 400;
my $slow    = 100;
my $reads   = 500;                      # bytes a second
my $bytes   = 8192;
my $rate    = 50;
my $seconds = $quick ? 2 : 3;           # with nobody slow
my $longer  = $quick ? 6 : 20;          # until what the kernel takes is full
my ($ours, $nchan) = ('ours', 'nchan');

my @rows = map {
    my ($name, $start) = @$_;
    map { { name => $name, start => $start, slow => $_ } } 0, $slow;
} ([ $ours, \&ours_fed ], [ $nchan, sub { nchan($streams * 2, '') } ]);


sub new ($class) { bless { name => 'slow', runs => {} }, $class }


sub ours_fed {
    my $topic = unique('slow');
    my $feed = kafka_feed($topic);
    my $node = ours(streams => $streams * 2, topic => $topic,
                    brokers => $feed->{brokers});

    $node->{feed} = $feed;

    return $node;
}


sub label ($row) { $row->{name} . ($row->{slow} ? ", $slow slow" : '') }


sub measure ($self) {
    for my $row (@rows) {
        my $label = label($row);

        eval { $self->measure_row($row); 1 } or wrong("slow, $label: $@");
        servers_stop();
    }

    push @rows, shift @rows;            # another one begins the next round
}


sub measure_row ($self, $row) {
    my $label = label($row);
    my $server = $row->{start}->();

    $server->{size} = $bytes;
    $self->{conf}{$row->{name}} = $server->{conf};
    ready($server, $streams - $row->{slow});

    if ($row->{slow}) {
        talk($server->{load}, "slow $reads");
        connect_streams($server, $row->{slow});
    }

    # what a record of this size takes at all, once, is not theirs

    phase($server, $rate, 0.5, 5);
    my $before = talk($server->{load}, 'memory')->{worker};
    my $most = $before;

    my $for = $row->{slow} ? $longer : $seconds;
    my $r = phase($server, $rate, $for, 5, sub (@) {
        my $end = time + $for;

        while (time < $end) {
            sleep 0.5;
            $most = max($most, talk($server->{load}, 'memory')->{worker});
        }
    });

    $r->{grown} = $most - $before;

    if (my $why = complaint($r)) {
        wrong("slow, $label: $why");
    }

    $self->catch_up($row, $server, $r) if $row->{slow};

    push @{$self->{runs}{$label}}, $r;

    printf "  %-32s p99 %7.2f ms, memory + %.1f MB%s%s\n", $label,
        $r->{latency_us}{p99} / 1000, $r->{grown} / 2 ** 20,
        $r->{slow} ? ", slow ones closed $r->{slow}{ended} times" : '',
        say_others($r->{others});
}


# At the end the slow ones read as the others do, and only so come to where the
# server has closed them.  Those of ours then have all that the others had; what
# nchan's do not have stands in the table.

sub catch_up ($self, $row, $server, $r) {
    my $slow = $r->{slow} = talk($server->{load}, 'hasten 15000');

    wrong("slow, $row->{name}, afterwards: $slow->{bad} bad ($slow->{sample})")
        if $slow->{bad};

    for my $what (qw(repeated jumped behind refused)) {
        wrong("slow, $row->{name}, afterwards: $slow->{$what} $what")
            if $slow->{$what} && $row->{name} eq $ours;
    }
}


sub of_slow ($r, $what) { $r->{slow} && $r->{slow}{$what} }


my @columns = (
    [ sub { $_[0]{latency_us}{p50} / 1000 }, 'p50 ms',  '',        '%.2f' ],
    [ sub { $_[0]{latency_us}{p99} / 1000 }, 'p99 ms',  '',        '%.2f' ],
    [ sub { $_[0]{cpu} },                    'us/event', '',       '%.2f' ],
    [ sub { $_[0]{grown} / 2 ** 20 },        'MB more', 'at most', '%.1f' ],
    [ sub { of_slow($_[0], 'ended') },       'closed',  '',        'commas' ],
    [ sub { of_slow($_[0], 'received') },    'records', 'in the end',
                                                                   'commas' ],
    [ sub { of_slow($_[0], 'jumped') },      'lost',    '',        'commas' ],
    [ sub { of_slow($_[0], 'behind') },      'not at',  'the end', 'commas' ],
);


sub finish ($self) {
    my $runs = $self->{runs};
    my @names = map { ($_, "$_, $slow slow") } $ours, $nchan;

    say commas($streams), " streams, $bytes-byte records at $rate/s for ",
        "$seconds s, or $longer s with slow ones, who read $reads bytes a\n",
        "second until then, and all in the end.  Latency is that of the ",
        "others, memory the worker's;\nnchan's records are in memory.  ",
        "Worker on core $server_core, all else on $other_cores.\n";

    my $m = table(\@columns, map { [ $_, @{$runs->{$_}} ] }
                              grep { $runs->{$_} } @names);

    ratios($m, 'slow', $names[1], [ @names[0, 3] ], 0 .. 3);

    if ($m->{$names[0]} && $m->{$names[1]}) {
        say '';
        target("p99 of the others, $slow slow / none", 'x%.2f',
               $m->{$names[1]}[1] / $m->{$names[0]}[1], '<= x1.3');
        target("memory for $slow slow ones", '%.1f MB', $m->{$names[1]}[3],
               '<= 10 MB');
    }

    return { streams => $streams, slow => $slow, reads => $reads,
             bytes => $bytes, rate => $rate, seconds => [ $seconds, $longer ],
             runs => $runs, conf => $self->{conf} };
}


1;
