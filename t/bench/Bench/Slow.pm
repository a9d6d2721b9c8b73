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
my $seconds = $quick ? 3 : 12;
my ($ours, $nchan) = ('ngx_kafka_sse (ours)', 'nchan, memory');

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

    my $r = phase($server, $rate, $seconds, 5, sub (@) {
        my $end = time + $seconds;

        while (time < $end) {
            sleep 0.5;
            $most = max($most, talk($server->{load}, 'memory')->{worker});
        }
    });

    $r->{grown} = $most - $before;

    if (my $why = complaint($r)) {
        wrong("slow, $label: $why");
    }

    push @{$self->{runs}{$label}}, $r;

    printf "  %-32s p99 %7.2f ms, memory + %.1f MB%s%s\n", $label,
        $r->{latency_us}{p99} / 1000, $r->{grown} / 2 ** 20,
        $r->{slow} ? ", $r->{slow}{ended} slow ones closed" : '',
        say_others($r->{others});
}


my @columns = (
    [ sub { $_[0]{latency_us}{p50} / 1000 }, 'p50 ms',  '',        '%.2f' ],
    [ sub { $_[0]{latency_us}{p99} / 1000 }, 'p99 ms',  '',        '%.2f' ],
    [ sub { $_[0]{cpu} },                    'us/event', '',       '%.2f' ],
    [ sub { $_[0]{grown} / 2 ** 20 },        'MB more', 'at most', '%.1f' ],
    [ sub { $_[0]{slow}{received} },         'records', 'slow',    'commas' ],
    [ sub { $_[0]{slow}{ended} },            'closed',  'slow',    'commas' ],
);


sub finish ($self) {
    my $runs = $self->{runs};
    my @names = map { ($_, "$_, $slow slow") } $ours, $nchan;

    say commas($streams), " streams, $bytes-byte records at $rate/s for ",
        "$seconds s; slow is who reads $reads bytes a second.\nLatency is ",
        "that of the others, memory the worker's.  Worker on core ",
        "$server_core, all else on\n$other_cores.\n";

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
             bytes => $bytes, rate => $rate, seconds => $seconds,
             runs => $runs, conf => $self->{conf} };
}


1;
