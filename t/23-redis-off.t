# "kafka_sse_redis off": one node without Redis.  The feed reads Kafka for
# good, nobody joins the group, and all that streams are promised holds.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('off', partitions => 4);
my $late = unique('late');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => 'off', workers => 2, server => <<"END");
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /late { kafka_sse $late; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END


sub redis ($want, $node = $node) {
    my $status;
    my $ok = eval {
        wait_for(10, $want, sub {
            $status = $node->status;
            $status && $status->{redis}{state} eq $want;
        });
    };

    ok($ok, "the status says that Redis is $want")
        or diag(json_encode($status));

    return $status;
}


# Once and in order, of all that the stream has.

sub clean ($sse, $n, $name) {
    my (%last, %seen, @wrong);

    for ($sse->records(envelope => 1)) {
        my $p = $_->{partition};
        push @wrong, $_ if $seen{"$p/$_->{offset}"}++
                           || $_->{offset} <= ($last{$p} // -1);
        $last{$p} = $_->{offset};
    }

    is(scalar($sse->records), $n, "$name: all records")
        or diag($sse->describe, $node->errors);
    is_deeply(\@wrong, [], '... once and in order');
    is_deeply($sse->faults, [], '... in a proper stream');
}


# ---- history, then live

$kafka->fill($topic, n => 200);
$node->start;

my $sse = $node->sse('/s')->wait_position;
my $began = $sse->last_id;

my $filling = $kafka->filling($topic, n => 1000, rate => 500, start => 200);
$sse->wait_records(1000, 20);
$filling->finish;
clean($sse, 1000, 'a live stream');

my $status = redis('off');

is($status->{redis}{address}, undef, '... and has no address');
ok(!$status->{redis}{subscribed}, '... nor subscription');
is($status->{clusters}[0]{group}, 'off', '... and there is no group');
is($status->{clusters}[0]{partitions_read_directly}, 4,
   'all partitions are read directly');
is_deeply([ map { $_->{source} } @{$status->{topics}[0]{partitions}} ],
          [ ('kafka') x 4 ], '... as their source says');
is_deeply([ map { $_->{lag} } @{$status->{topics}[0]{partitions}} ],
          [ (0) x 4 ], '... without lag');

is_deeply($kafka->group($node->group)->{members}, [], 'nobody is in the group');

my $companion = $node->companion;
my %inode = map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
            glob "/proc/$companion/fd/*";
my %peers;

for (split /\n/, slurp("/proc/$companion/net/tcp")) {
    my (undef, undef, $peer, $state, @more) = split ' ';
    $peers{hex $1} = 1 if $state eq '01' && $inode{$more[5]}
                          && $peer =~ /:(.*)/;
}

is_deeply([ keys %peers ], [ $kafka->address =~ /:(\d+)/ ],
          'the companion is connected to Kafka alone');
is_deeply([ $node->log_lines(qr/Redis/) ], [], 'no word of Redis in the log');


# ---- history is in the ring, a position resumes

{
    my $resumed = $node->sse('/s', last_event_id => $began);
    $resumed->wait_records(1000);
    clean($resumed, 1000, 'a stream that resumes');
}


# ---- kill -9 of the companion

{
    my $filling = $kafka->filling($topic, n => 1500, rate => 500,
                                  start => 1200);

    $sse->wait_records(1200);
    $node->kill_process($companion);
    $sse->wait_records(2500, 20);
    $filling->finish;

    isnt($node->companion, $companion, 'the companion is another one');
    clean($sse, 2500, 'through kill -9 of the companion');
    is($sse->ended, undef, '... by the same connection');
}


# ---- a topic that is born while we run

{
    $kafka->create($late, partitions => 2);
    $kafka->fill($late, n => 50);

    my $born = $node->sse('/late')->wait_position(30);
    $kafka->fill($late, n => 50, start => 50);
    $born->wait_records(50, 20);
    cmp_ok(scalar($born->records), '>=', 50, 'a topic born later streams');
}


# ---- reload

{
    my $n = scalar $sse->records;
    my $filling = $kafka->filling($topic, n => 1500, rate => 500,
                                  start => 2700);

    my $hopper = $node->sse('/s', reconnect => 0.1,
                            last_event_id => $sse->last_id);
    $hopper->wait_records(200);

    $node->reload;
    $hopper->wait_records(1500, 30);
    $filling->finish;
    clean($hopper, 1500, 'through a reload');
}


# ---- with Redis, and off again: the node leaves the group, as nobody of it
# takes its place

{
    $node->set(redis => $redis);
    $node->reload;
    $node->ready([ $topic, $late ]);
    redis('connected');

    my $n = 100;
    my $stream = $node->sse('/s', reconnect => 0.1)->wait_position;
    $kafka->fill($topic, n => $n, start => 5000);
    $stream->wait_records($n);

    $node->set(redis => 'off');
    $node->reload;

    my $group;
    ok(eval { wait_for(10, 'the group is empty', sub {
                  $group = $kafka->group($node->group);
                  !@{$group->{members}};
              }, 0.1) }, 'it leaves the group when Redis is turned off')
        or diag(json_encode($group));

    $kafka->fill($topic, n => $n, start => 5100);
    $stream->wait_records(2 * $n, 20);
    clean($stream, 2 * $n, 'through both');
    redis('off');
}

finish;
