package Bench::Keyed;

# Streams that each want another key: what a record costs when 20,000 streams
# have to be told from the one that wants it, beside the same with 20 streams,
# and beside nchan with a channel for each key.  Each record is sent to one
# stream in all of them.

use v5.36;

use List::Util qw(min);
use KafkaSSE::Rig qw(unique);
use Bench::Rig;
use Bench::Table;

my $many    = min(20_000, $descriptors - 400);
my $few     = 20;
my $rate    = 1000;                     # records a second
my $first   = 10_000;                   # ... when each key has its first one
my $seconds = $quick ? 2 : 8;

my @rows = map {
    my ($name, $start) = @$_;
    map { { name => "$name, " . commas($_) . ' keys', start => $start,
            keys => $_ } } $few, $many;
} ([ 'ours', \&ours_keyed ], [ 'nchan', \&nchan_keyed ]);


sub new ($class) {
    $rows[$_]{place} = $_ for 0 .. $#rows;
    return bless { name => 'keyed', runs => {} }, $class;
}


sub ours_keyed ($keys) {
    my $topic = unique('keyed');
    my $feed = kafka_feed($topic, 1, "keys=$keys");
    my $node = ours(streams => $keys, topic => $topic,
                    brokers => $feed->{brokers},
                    location => [ 'kafka_sse_filter_args key=$kafka_sse_key' ]);

    $node->{feed} = $feed;

    return $node;
}


sub nchan_keyed ($keys) {
    return nchan($keys, '', channel => '$arg_key',
                 feed => [ '/pub?key=k%d', "keys=$keys" ]);
}


sub measure ($self) {
    for my $row (@rows) {
        my $name = $row->{name};

        eval { $self->measure_row($row); 1 } or wrong("keyed, $name: $@");
        servers_stop();
    }

    push @rows, shift @rows;            # another one begins the next round
}


sub measure_row ($self, $row) {
    my ($name, $keys) = @$row{qw(name keys)};
    my $server = $row->{start}->($keys);

    $server->{uri} = '/sub?key=k%d';
    $server->{options} = [ "keys=$keys" ];
    $self->{conf}{$name} = $server->{conf};
    ready($server, $keys);

    # each stream has its first record, then it is measured

    my %run = (first => phase($server, $first, $many / $first, 15),
               r => phase($server, $rate, $seconds, 5));
    my $r = $run{r};

    printf "  %-28s %6.2f us each, p99 %8.2f ms%s\n", $name, $r->{cpu},
        $r->{latency_us}{p99} / 1000, say_others($r->{others});

    for my $what (sort keys %run) {
        my $why = complaint($run{$what});
        wrong("keyed, $name, $what: $why") if $why;
    }

    push @{$self->{runs}{$name}}, \%run;
}


my @columns = (
    [ sub { $_[0]{r}{cpu} },    'us/record', 'all',    '%.2f' ],
    [ sub { $_[0]{r}{worker} }, 'us/record', 'worker', '%.2f' ],
    [ sub { $_[0]{r}{latency_us}{p50} / 1000 }, 'p50 ms', '', '%.2f' ],
    [ sub { $_[0]{r}{latency_us}{p99} / 1000 }, 'p99 ms', '', '%.2f' ],
    [ sub { $_[0]{first}{worker} }, 'worker', 'at ' . commas($first), '%.2f' ],
);


sub finish ($self) {
    my $runs = $self->{runs};
    my @names = map { $_->{name} } sort { $a->{place} <=> $b->{place} } @rows;

    say "$rate records/s of $size bytes, their keys in turn, each for one ",
        "stream; ours with \"kafka_sse_filter_args\nkey=\$kafka_sse_key\", ",
        "nchan in memory with a channel for each key.\nWorker on core ",
        "$server_core, all else on $other_cores.\n";

    my $m = table(\@columns, map { [ $_, @{$runs->{$_}} ] }
                              grep { $runs->{$_} } @names);

    ratios($m, 'many', $names[1], [ @names[0, 3] ], 0 .. 3);

    if ($m->{$names[0]} && $m->{$names[1]}) {
        say '';
        target('CPU per record, ' . commas($many) . " keys / $few keys",
               'x%.2f', $m->{$names[1]}[0] / $m->{$names[0]}[0], '<= x1.5');
        target('... of the worker alone', 'x%.2f',
               $m->{$names[1]}[1] / $m->{$names[0]}[1], '<= x1.5');
    }

    return { keys => [ $few, $many ], rate => $rate, seconds => $seconds,
             runs => $runs, conf => $self->{conf} };
}


1;
