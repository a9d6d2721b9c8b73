# Nothing is allocated for each record and stream: what a worker holds for its
# streams is the same however often they were sent to, each way bytes leave.

# alone: it measures memory

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $streams = 30;       # of one way at a time
my $rounds = 3;
my $records = 500;      # of a part of a round
my $size = 100;         # of a record, bytes

# sends of a round; ASan is so slow that a few sends take all

my $least = $ENV{KAFKA_SSE_TEST_SANITIZER} ? 0 : 100;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('pool');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '8m', tls => 1, h2c => 1,
    http => <<'HTTP', server => <<"SERVER")->start;
request_pool_size 512;      # what is lost shows soon
kafka_sse_heartbeat 50ms;
kafka_sse_drain 0;
ssl_protocols TLSv1.2 TLSv1.3;
HTTP
location = /s { kafka_sse $topic; }
location = /rated { kafka_sse $topic; limit_rate 1000m; }
location = /gzip {
    kafka_sse $topic;
    gzip on; gzip_types text/event-stream; gzip_min_length 0;
    gzip_window 4k; gzip_hash 4k; gzip_buffers 2 4k;
}
location = /tight { kafka_sse $topic; kafka_sse_slow buffer=8k; }
location = /tight-rated {
    kafka_sse $topic; kafka_sse_slow buffer=8k; limit_rate 1000m;
}
SERVER

$node->ready([ $topic ]);

my @ways = (
    'plain'          => {},
    'HTTP/1.0'       => { http => '1.0' },
    'TLS'            => { tls => 1 },
    'HTTP/2'         => { tls => 1, window => 8_000_000 },
    'h2c, waiting'   => { window => 16_000 },
    'rated h2c'      => { path => '/rated', window => 65_535 },
    'waiting'        => { path => '/tight', rcvbuf => 4_096 },
    'rated, waiting' => { path => '/tight-rated', rcvbuf => 4_096 },
    'gzip'           => { path => '/gzip', gzip => 1 },
    'gzip by TLS'    => { path => '/gzip', gzip => 1, tls => 1 },
    'gzip h2c'       => { path => '/gzip', gzip => 1, window => 65_535 },
);


# Lets all streams have the records, and one more that counts.  They are read
# now and then only: what waits for a client is the worker's memory, too, so
# none may wait for this process to parse.

sub send_all ($name, $counter, $sse, %opt) {
    my $records = @{$counter->events} + $opt{n};
    my $filling = $kafka->filling($topic, size => $size,
                                  properties => { 'linger.ms' => 0 }, %opt);
    my $end;

    pump(20, "$name: all records", sub {
        for my $sse (@$sse) {
            1 while $sse->sip(65536);
        }

        return 0 if @{$counter->events} < $records;

        # some have had a few heartbeats less, of three bytes

        $end //= length($counter->tape) - $counter->{before} - $size;

        !grep { $_->heard < $end } @$sse;
    });

    $filling->finish;
}


# How many records are one send depends on how busy the machine is.

sub send_round ($name, $counter, $probe, $sse) {
    my $sends = $probe->pieces + $least;
    my $until = time + 30;

    do {
        send_all($name, $counter, $sse, n => $records, rate => 1_200);
    } while ($probe->pieces < $sends && time < $until);
}


# A worker of its own for each way, as one could use what another has left.

while (my ($name, $way) = splice @ways, 0, 2) {
    $node->reload;

    my ($worker) = $node->workers(here => 1);
    my %way = (path => '/s', %$way);
    my $path = delete $way{path};

    my @sse = map { $node->sse($path, keep => 0, deaf => 1, %way) }
                  1 .. $streams;

    # this one tells how often there was something to send: a chunk each

    push @sse, my $probe = $node->sse('/rated', keep => 0, deaf => 1);

    my $counter = $node->sse('/s', tape => 1);

    $_->wait_position for @sse, $counter;
    $_->pause for @sse;
    $counter->{before} = length $counter->tape;

    # as much at once as will ever be

    send_all($name, $counter, \@sse, n => 1_000);

    my (@memory, @sends);

    for my $round (0 .. $rounds) {
        send_round($name, $counter, $probe, \@sse) if $round;

        push @memory, KafkaSSE::Nginx->usage($worker)->{anon};
        push @sends, $probe->pieces;
    }

    # The first round takes what was freed before.  A high-water mark is reached
    # once in the others, what is lost is lost in each.

    my @grown = map { $memory[$_] - $memory[$_ - 1] } 1 .. $rounds;
    my @sent = map { $sends[$_] - $sends[$_ - 1] } 1 .. $rounds;
    my @lost = sort { $a <=> $b }
               map { $grown[$_] * 1024 / ($streams * ($sent[$_] || 1)) }
                   1 .. $rounds - 1;

    # ASan keeps what is freed

    if (!$ENV{KAFKA_SSE_TEST_SANITIZER}) {
        cmp_ok($lost[0], '<', 1, "$name: a send leaves nothing, bytes")
            or diag("KB, and in each round: $memory[0] @grown");
        is(scalar(grep { $_ < $least } @sent), 0,
           "... of at least $least in each round") or diag("sends: @sent");
    }

    is(scalar(grep { defined $_->ended } @sse), 0, "$name: in open streams");

    note(sprintf 'KB: %d, +%s; sends: %s; bytes of each: %s', $memory[0],
                 join(' +', @grown), "@sent",
                 join ' ', map { sprintf '%.2f', $_ } @lost);

    $_->close for @sse, $counter;
}

finish;
