# Whoever may publish on Redis may send anything: streams go on, it is counted,
# and said once.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('junk', partitions => 2);
my $other = $kafka->topic('other');
my $forged = $kafka->topic('forged');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '64m', server => <<"END")->start;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /other { kafka_sse $other; kafka_sse_data envelope; }
location /forged { kafka_sse $forged; kafka_sse_data cloudevents; }
location /status { kafka_sse_status json; }
END

my $sse = $node->sse('/s')->wait_position;
my $quiet = $node->sse('/other')->wait_position;
$node->ready([ $topic, $other, $forged ]);

my %channel = map { /:([^:]+)\z/ ? ($1 => $_) : () }
              keys %{$redis->subscribers};
my $channel = $channel{$topic};
my ($id) = $channel =~ /\{(.*)\}/;
my $companion = $node->companion;
my $n = 0;


sub partitions ($name) {
    my $status = $node->status or return [];
    my ($t) = grep { $_->{topic} eq $name }
              @{$status->{topics}};
    return $t->{partitions};
}

sub total ($what, $name = $topic) {
    my $sum = 0;
    $sum += $_->{$what} for @{partitions($name)};
    return $sum;
}

sub bad { $node->status->{redis}{envelopes_bad} }
sub received { $node->status->{redis}{envelopes_received} }


# a record: [ offset, timestamp, headers, value ]; a position: [ partition,
# from, end ]

sub title ($magic, $cluster, $name) {
    return $magic . pack('C/a C/a a16', $cluster, $name, "\0" x 16);
}

sub envelope ($partition, $from, @records) {
    return title("KSE\1", $id, $topic)
           . body($partition, $from, -1, @records);
}

sub body ($partition, $from, $end, @records) {
    return pack('l< q< q< L<', $partition, $from, $end, scalar @records)
           . join '', map {
               my ($offset, $time, $headers, $value) = @$_;
               $headers //= '';
               $value //= 'forged';
               pack('q< q< L< L< L<', $offset, $time // 1, 1, length $value,
                    length $headers) . "k$value$headers"
           } @records;
}

sub beacon (@positions) {
    return title("KSB\1", $id, $topic) . pack('L<', scalar @positions)
           . join '', map { pack 'l< q< q<', @$_ } @positions;
}

sub publish (@payloads) { $redis->cmd('PUBLISH', $channel, $_) for @payloads }


# records are produced, and they all come, without anything between them

sub goes_on ($name, $records = 50) {
    $kafka->fill($topic, n => $records, start => $n);
    $n += $records;
    eval { $sse->wait_records($n, 20) };
    is(scalar($sse->records), $n, "$name: records go on")
        or diag($sse->describe, $node->errors);
    is(scalar(grep { $_->{value} !~ /^\{"n"/ } $sse->records(envelope => 1)),
       0, '... nothing that is not in Kafka');
    is($node->companion, $companion, '... and the companion lives');
}

sub through_redis ($name) {
    my $sources;
    ok(eval { wait_for(15, 'Redis', sub {
                  $sources = join ' ', map { $_->{source} }
                                           @{partitions($topic)};
                  $sources =~ /^redis( redis)*\z/;
              }) }, $name)
        or diag("$sources\n", $node->errors);
}

my $held = sub { partitions($topic)->[0]{position} };

goes_on('before');
through_redis('Redis brings them');


# ---- what is no envelope of this channel is counted

my $max = 9223372036854775807;
my %junk = (
    'nothing' => '',
    'one byte' => 'K',
    'NULs' => "\0" x 100,
    'another version' => "KSE\2" . 'x' x 60,
    'an envelope that is cut' => substr(envelope(0, 0, [ 0 ]), 0, -1),
    'an envelope and more' => envelope(0, 0, [ 0 ]) . 'x',
    'more records than there are' =>
        title("KSE\1", $id, $topic) . pack('l< q< q< L<', 0, 0, -1, ~0 >> 32),
    'a value of 4 GB' => title("KSE\1", $id, $topic)
        . pack('l< q< q< L< q< q< L< L< L<', 0, 0, -1, 1, 0, 0, 0, 0xfffffffe,
               0),
    'headers that lie' => envelope(0, 0, [ 0, 1, pack 'L<', 0xffffff ]),
    'another cluster' => title("KSE\1", 'another', $topic)
                         . body(0, 0, -1, [ 0 ]),
    'a beacon of another cluster' => title("KSB\1", 'another', $topic)
        . pack('L< l< q< q<', 1, 0, 1000, 1000),
    'another topic of ours' => title("KSE\1", $id, $other)
                               . body(0, 0, 9, [ 0 ]),
    'a beacon of another topic of ours' => title("KSB\1", $id, $other)
        . pack('L< l< q< q<', 1, 0, 1000, 1000),
    'a partition below 0' => envelope(-1, 0, [ 0 ]),
    'an offset below 0' => envelope(0, 0, [ -1 ]),
    'a position below 0' => envelope(0, -5, [ 0 ]),
    'an offset that has no next one' => envelope(0, 0, [ $max ]),
    'offsets that go back' => envelope(0, 0, [ 1 ], [ 0 ]),
    'an end below 0' => beacon([ 0, 0, -2 ]),
    'a beacon of 500,000 positions' => beacon(map { [ $_ & 1, 0, 0 ] }
                                                  1 .. 500_000),
    'records of 3 MB' => envelope(0, 0, map { [ $_, 1, '', 'x' x 1_000_000 ] }
                                            0 .. 2),
    'megabytes' => 'x' x 5_000_000,
);

my $before = bad();
publish(values %junk);
wait_for(10, 'junk is counted', sub { bad() >= $before + keys %junk });
is(bad(), $before + keys %junk, 'all that is no envelope is counted');
is(scalar($node->log_lines(qr/is no envelope of version/)), 1,
   '... and said once') or diag($node->errors);
is(total('gaps'), 0, '... nothing of it makes a gap');
is(total('gaps', $other), 0, '... nor in another topic');
is(scalar($quiet->records), 0, '... which has no record of it');
goes_on('junk');
through_redis('... which Redis still brings');


# ---- what is one, and is not true: Kafka is asked

my %untrue = (
    'a partition that is not' => envelope(77, 0, [ 0 ]),
    'the highest partition' => envelope(0x7fffffff, 0, [ 0 ]),
    'an envelope far ahead' => sub {
        envelope(0, $held->() + 5_000_000_000, [ $held->() + 5_000_000_000 ])
    },
    'a record far ahead' => sub { envelope(0, 0, [ $held->() + 2_000_000 ]) },
    'a record at the end of all' => sub { envelope(0, 0, [ $max - 1 ]) },
    'a beacon at the end of all' => beacon([ 0, $max, $max ]),
    'an end that is not' => sub { beacon([ 0, $held->(), $max ]) },
    'a beacon far behind' => beacon([ 0, 0, 0 ], [ 1, 0, 0 ]),
    'old records, with 100,000 headers' =>
        envelope(0, 0, [ 0, -$max, pack('L< L<', 0, 0) x 100_000 ]),
);

for my $name (sort keys %untrue) {
    my $payload = $untrue{$name};
    publish(ref $payload ? $payload->() : $payload);
    goes_on($name, 20);
    through_redis('... Redis brings them again');
}

wait_for(10, 'the lag is true again', sub { total('lag') == 0 });
pass('an end that is not is forgotten');


# ---- a flood of each, as much as the companion takes: of more Redis would cut
# the connection, and forget what was in it

my $flooded = sub ($name, $payload, %opt) {
    my $seconds = 4;
    my $bad = bad();
    my $received = received();
    my $gaps = total('gaps');
    my $count = 0;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $redis->port) // die $!;
    my $command = "*3\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" }
                                          'PUBLISH', $channel, $payload;

    my $filling = $kafka->filling($topic, n => 200 * $seconds, rate => 200,
                                  start => $n);
    $n += 200 * $seconds;
    my $end = time + $seconds;

    while (time < $end) {
        syswrite $sock, $command x 1000;
        $count += 1000;

        # each answer is ":1" and a line end

        my $left = 4 * 1000;
        while ($left) {
            $left -= sysread($sock, my $buf, $left) || die 'no answer';
        }

        pump(0.001, 'events', sub { 1 });

        next if !$opt{counted} || $count % 50_000;
        wait_for(20, 'it takes them', sub {
            received() - $received > $count - 100_000 });
    }

    note(sprintf '%s: %d a second', $name, $count / $seconds);

    $sse->wait_records($n, 20);
    $filling->finish;
    is(scalar($sse->records), $n, "$name: records go on")
        or diag($node->errors);

    is($node->companion, $companion, '... and the companion lives');

    return { count => $count, bad => bad() - $bad,
             gaps => total('gaps') - $gaps };
};

my $flood = $flooded->('a flood of junk', 'x' x 40, counted => 1);
wait_for(20, 'all of it is counted', sub { bad() >= $flood->{count} });
is(scalar($node->log_lines(qr/is no envelope of version/)), 1,
   '... one line') or diag($node->errors);

my $lines = () = $node->log_lines(qr/gap in/);
$flood = $flooded->('a flood of beacons far ahead', beacon([ 0, $max, $max ]));
cmp_ok($flood->{gaps}, '<=', 40, '... few of them make a gap')
    or diag($flood->{gaps});
cmp_ok(scalar($node->log_lines(qr/gap in/)) - $lines, '<=', 2, '... few lines');
through_redis('... and then Redis brings them again');


# ---- more than we take

publish('x' x 20_000_000);
ok(eval { $node->wait_log('it is said', sub {
              $node->log_lines(qr/a reply of more than 16 MB/)
          }); 1 }, 'a message of 20 MB ends the connection')
    or diag($node->errors);
goes_on('a message of 20 MB');
through_redis('... and then Redis brings them again');

my (undef, $rss) = slurp("/proc/$companion/status") =~ /(VmHWM):\s+(\d+)/;
cmp_ok($rss, '<=', 300_000, 'the companion has taken 300 MB at most')
    if !$ENV{KAFKA_SSE_TEST_SANITIZER};
note("companion: $rss kB at most");


# ---- what nobody can tell from the truth: README says whom to trust

{
    my $stream = $node->sse('/forged')->wait_position;
    my $send = sub ($from, @records) {
        $redis->cmd('PUBLISH', $channel{$forged},
                    title("KSE\1", $id, $forged)
                    . body(0, $from, -1, @records));
    };

    $kafka->fill($forged, n => 1);
    $stream->wait_records(1);
    wait_for(15, 'Redis', sub { partitions($forged)->[0]{source} eq 'redis' });

    $send->(1, [ 1, -$max ], [ 2, $max ],
            [ 3, 253402300800000, pack('L< L<', 0, 0) x 1000 ]);
    $stream->wait_records(4);
    is(scalar($stream->records), 4, 'a forged record that fits is a record');
    ok(!@{$stream->faults}, '... whatever its time is')
        or diag(@{$stream->faults});

    $kafka->fill($forged, n => 20, start => 100);
    ok(eval { $stream->wait_for(20, 'the last one', sub {
                  grep { $_->{data} =~ /"n":119\b/ } $stream->records
              }); 1 }, '... and those of Kafka come behind it')
        or diag($stream->describe, $node->errors);
}

is($node->companion, $companion, 'it was one companion all the time');
finish;
