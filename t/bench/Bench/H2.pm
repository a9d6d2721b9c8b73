package Bench::H2;

# What one delivered event costs over HTTP/2 (in cleartext, with prior
# knowledge, 10 streams on a connection), beside HTTP/1.1; also where records
# come 50 at a time.

use v5.36;

use KafkaSSE::Rig qw(unique);
use Bench::Rig;
use Bench::Table;

my $streams = 1000;
my $each    = 10;                       # streams of a connection
my $burst   = 50;
my $bursts  = 20;                       # a second
my @rates   = (10, 100);
my $seconds = $quick ? 2 : 5;

my @rows = (
    { name => 'HTTP/1.1', options => [] },
    { name => 'HTTP/2', options => [ "h2=$each" ] },
);


sub new ($class) { bless { name => 'h2', runs => {} }, $class }


# As nginx has it up to 1.24, and from 1.25.1 on.

sub http2 {
    my ($minor) = machine()->{nginx} =~ m{nginx/1\.(\d+)} or die "no version\n";

    return $minor < 25 ? (listen => 'http2') : (server => [ 'http2 on' ]);
}


sub measure ($self) {
    for my $row (@rows) {
        my $name = $row->{name};

        eval { $self->measure_row($row); 1 } or wrong("h2, $name: $@");
        servers_stop();
    }

    @rows = reverse @rows;              # the other one begins the next round
}


sub measure_row ($self, $row) {
    my $name = $row->{name};
    my $topic = unique('h2');

    # the feed gathers for a millisecond, so that a burst is one batch

    my $feed = kafka_feed($topic, 1, 'linger=1');
    my $node = ours(streams => $streams, topic => $topic,
                    brokers => $feed->{brokers},
                    $name eq 'HTTP/2' ? http2() : ());

    $node->{feed} = $feed;
    $node->{options} = $row->{options};
    $self->{conf}{$name} = $node->{conf};
    ready($node, $streams);

    my %run = map { $_ => $self->at($name, $node, $_) } @rates;

    $node->{burst} = $burst;
    $run{burst} = $self->at($name, $node, $burst * $bursts);

    push @{$self->{runs}{$name}}, \%run;
}


sub at ($self, $name, $node, $rate) {
    my $r = phase($node, $rate, $seconds, 5);
    my $sends = $r->{frames} || $r->{reads};

    $r->{gathered} = $sends ? $r->{received} / $sends : undef;

    printf "  %-10s %5s/s: %6.2f us each, p99 %8.2f ms%s\n", $name,
        commas($rate), $r->{cpu}, $r->{latency_us}{p99} / 1000,
        say_others($r->{others});

    if (my $why = complaint($r)) {
        wrong("h2, $name, $rate/s: $why");
    }

    return $r;
}


my @columns = (
    (map {
        my $rate = $_;
        ([ sub { $_[0]{$rate}{cpu} }, 'us/event', "at $rate/s", '%.2f' ],
         [ sub { $_[0]{$rate}{latency_us}{p99} / 1000 },
                                      'p99 ms',   "at $rate/s", '%.2f' ]);
    } @rates),
    [ sub { $_[0]{burst}{cpu} },      'us/event', "$burst at once", '%.2f' ],
    [ sub { $_[0]{burst}{worker} },   'worker',   'only',           '%.2f' ],
    [ sub { $_[0]{burst}{gathered} }, 'records',  'a read',         '%.1f' ],
    [ sub { $_[0]{burst}{latency_us}{p99} / 1000 },
                                      'p99 ms',   'then',           '%.2f' ],
);


sub finish ($self) {
    my $runs = $self->{runs};
    my ($h1, $h2) = ('HTTP/1.1', 'HTTP/2');

    say commas($streams), " streams, $size-byte records, ours; HTTP/2 with ",
        "$each streams on a connection, both in\ncleartext.  \"At once\" are ",
        "$bursts bursts a second of $burst records; a read of HTTP/2 is a\n",
        "DATA frame.  Worker on core $server_core, all else on $other_cores.\n";

    my $m = table(\@columns, map { [ $_, @{$runs->{$_}} ] }
                              grep { $runs->{$_} } $h1, $h2);

    ratios($m, $h2, $h2, [ $h1 ], 0 .. $#columns);

    if ($m->{$h2}) {
        say '';
        target("HTTP/2, CPU per event at $burst records a turn", '%.2f us',
               $m->{$h2}[2 * @rates], '<= 0.5 us');
    }

    return { streams => $streams, each => $each, rates => \@rates,
             burst => $burst, bursts => $bursts, runs => $runs,
             conf => $self->{conf} };
}


1;
