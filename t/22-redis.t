# Redis as it is configured: passwords, users, a unix socket, prefixes; and
# what else may come through it.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $topic = $kafka->topic('redis', partitions => 2);

my $location = <<"END";
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END

my $redis = KafkaSSE::Redis->new(conf => [
    requirepass => 'open-sesame',
    user => 'edge on >p@ss:w/rd% &edge:* -@all +publish +subscribe +ping'
            . ' +auth +select +hello +client',
]);

spew(tempdir() . '/password', "p\@ss:w/rd%\n");
chmod 0644, tempdir() . '/password';

my $port = $redis->port;
my $file = 'password_file=' . tempdir() . '/password';


# each way to reach it carries records

my %ways = (
    'a password'      => "redis://:open-sesame\@127.0.0.1:$port",
    'a user'          => "redis://edge:p%40ss%3aw%2Frd%25\@127.0.0.1:$port",
    'a password file' => "redis://edge\@127.0.0.1:$port $file",
    'a db'            => "redis://:open-sesame\@127.0.0.1:$port/3",
    'a name'          => "redis://:open-sesame\@localhost:$port",
    'a unix socket'   => 'unix:' . $redis->socket . " user=edge $file",
);

for my $way (sort keys %ways) {
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $ways{$way}, redis_prefix => 'edge:x',
        server => $location)->start;
    my $sse = $node->sse('/s')->wait_position;
    $node->ready([ $topic ]);

    $kafka->fill($topic, n => 20);
    $sse->wait_records(20);

    # the first ones it may have read from Kafka, before its own beacon

    my $status;
    eval {
        wait_for(10, 'envelopes', sub {
            $status = $node->status->{redis};
            $status->{envelopes_received} > 0;
        });
    };
    ok($sse->records == 20 && $status->{state} eq 'connected'
       && $status->{subscribed} && $status->{envelopes_received} > 0,
       "records come through Redis with $way") or diag(json_encode($status));
    unlike(json_encode($node->status) . $node->log, qr/sesame|w\/rd/,
           '... and no password is told');

    is_deeply([ grep { !/^edge:x:\{[\w-]+\}:\Q$topic\E$/ }
                     keys %{$redis->subscribers} ], [],
              '... on the channel prefix:{cluster id}:topic')
        or diag(json_encode($redis->subscribers));

    ok($node->quit, '... and it quits') or diag($node->titles);
}


# what is wrong is said, in words, not each second, and without the password

my %wrong = (
    'a wrong password' => [ "redis://:top-secret\@127.0.0.1:$port", 'edge' ],
    'no password' => [ "redis://127.0.0.1:$port", 'edge' ],
    'a channel that is not allowed' =>
        [ "redis://edge\@127.0.0.1:$port $file", 'other' ],
);

for my $name (sort keys %wrong) {
    my ($url, $prefix) = @{$wrong{$name}};
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $url, redis_prefix => $prefix,
        server => "kafka_sse_heartbeat 200ms;$location")->start;
    my $sse = $node->sse('/s');

    $sse->wait_for(10, 'heartbeats', sub { @{$sse->comments} >= 12 });

    my @said = grep { /WRONGPASS|NOAUTH|NOPERM/ }
               split /^/, $node->errors;
    cmp_ok(scalar @said, '>=', 1, "$name is said") or diag($node->errors);
    cmp_ok(scalar @said, '<=', 4, '... but not each second') or diag(@said);
    unlike($node->log, qr/top-secret|w\/rd/, '... without the password');
    is($sse->ended, undef, '... and streams have heartbeats');
    $node->quit;
}


# ---- what others publish

my $open = KafkaSSE::Redis->new;
my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $open, server => $location)->start;
my $sse = $node->sse('/s')->wait_position;
$node->ready([ $topic ]);

my ($channel) = keys %{$open->subscribers};
my $envelope = sub ($cluster, $topic, $partition, $from, @records) {
    return "KSE\1" . pack('C/a C/a a16 l< q< q< L<', $cluster, $topic,
                          "\0" x 16, $partition, $from, -1, scalar @records)
           . join '', map {
               pack('q< q< L< L< L<', $_->[0], 1, 1, 1, 0) . 'kv'
           } @records;
};
my $beacon = sub ($cluster, $topic, @positions) {
    return "KSB\1" . pack('C/a C/a a16 L<', $cluster, $topic, "\0" x 16,
                          scalar @positions)
           . join '', map { pack 'l< q< q<', @$_, -1 } @positions;
};
my ($cluster_id) = $channel =~ /\{(.*)\}/;
my $held = $node->status->{topics}[0]{partitions}[0]{position};

my %junk = (
    'nothing' => '',
    'text' => 'hello',
    'NULs' => "\0" x 100,
    'the head of an envelope' => "KSE\1\x05ab",
    'another version' => "KSE\2" . 'x' x 60,
    'a count that lies' => substr($envelope->($cluster_id, $topic, 0, $held,
                                              [ $held ]), 0, -1),
    'another cluster' => $envelope->('another', $topic, 0, $held, [ $held ]),
    'another topic' => $envelope->($cluster_id, 'another', 0, $held,
                                   [ $held ]),
    'a partition that is not' => $envelope->($cluster_id, $topic, 77, 0,
                                             [ 0 ]),
    'a partition below 0' => $envelope->($cluster_id, $topic, -1, 0, [ 0 ]),
    'offsets that go back' => $envelope->($cluster_id, $topic, 0, $held,
                                          [ $held + 1 ], [ $held ]),
    'the head of a beacon' => "KSB\1\x05ab",
    'a beacon of another version' => "KSB\2" . 'x' x 60,
    'a beacon that is cut' => substr($beacon->($cluster_id, $topic,
                                               [ 0, $held ]), 0, -1),
    'a beacon of another cluster' => $beacon->('another', $topic,
                                               [ 0, $held + 9 ]),
    'a beacon of a partition that is not' => $beacon->($cluster_id, $topic,
                                                       [ 77, 5 ]),
    'megabytes' => 'x' x 5_000_000,
);

my $companion = $node->companion;
$open->cmd('PUBLISH', $channel, $junk{$_}) for sort keys %junk;

$kafka->fill($topic, n => 50);
$sse->wait_records(50);

is_deeply([ grep { $_->{value} !~ /^\{"n"/ } $sse->records(envelope => 1) ],
          [], 'what is no envelope of ours becomes no record');
is($node->companion, $companion, 'the companion lives');
is(scalar($sse->records), 50, 'and records go on')
    or diag($sse->describe, $node->errors);
cmp_ok($node->status->{redis}{envelopes_bad}, '>=', 8,
       'the bad ones are counted')
    or diag(json_encode($node->status->{redis}));


# ---- what is published twice

{
    my @copies;
    my $spy = KafkaSSE::Redis->new(start => 0);
    $spy->{port} = $open->port;
    $spy->cmd('SUBSCRIBE', $channel);

    $kafka->fill($topic, n => 30, start => 100);
    $sse->wait_records(80);

    while (@copies < 2) {
        my $message = KafkaSSE::Redis::_answer($spy->{client});
        push @copies, $message->[2] if $message->[2] =~ /^KSE/;
    }

    $open->cmd('PUBLISH', $channel, $_) for @copies, @copies;
    $kafka->fill($topic, n => 10, start => 200);
    $sse->wait_records(90);

    my @offsets = map { "$_->{partition}:$_->{offset}" }
                  $sse->records(envelope => 1);
    my %seen;
    is_deeply([ grep { $seen{$_}++ } @offsets ], [],
              'what is published again comes once');

    my $duplicates = 0;
    $duplicates += $_->{duplicates}
        for @{$node->status->{topics}[0]{partitions}};
    cmp_ok($duplicates, '>', 0, '... and is counted');
}


# ---- a Redis that stops answering for a while

{
    $open->pause;
    my $filling = $kafka->filling($topic, n => 500, rate => 500, start => 300);
    $filling->finish;
    $open->resume;
    $sse->wait_records(590, 30);
    is(scalar($sse->records), 590, 'a Redis that hung loses nothing');

    $open->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
    $kafka->fill($topic, n => 100, start => 1000);
    $sse->wait_records(690, 30);
    is(scalar($sse->records), 690, 'a cut subscription loses nothing');
}


# ---- two clusters that are one Kafka: each has a subscription of its own

{
    my $brokers = $kafka->address;
    my $group = unique('twice');
    my $twice = KafkaSSE::Node->new(
        kafka => $kafka, redis => $open, http => <<"END",
kafka_sse_cluster again { brokers $brokers; group_id $group; }
END
        server => <<"END")->start;
location /one { kafka_sse $topic cluster=main; }
location /two { kafka_sse $topic cluster=again; }
location /status { kafka_sse_status json; }
END

    my @streams = map { $twice->sse($_)->wait_position } qw(/one /two);
    my @source;

    ok(eval { wait_for(10, 'both', sub {
                  @source = map { map { $_->{source} } @{$_->{partitions}} }
                            @{$twice->status->{topics}};
                  @source == 4 && !grep { $_ ne 'redis' } @source;
              }) }, 'a topic of two clusters comes through Redis for both')
        or diag("@source\n", $twice->errors);

    $kafka->fill($topic, n => 20, start => 1500);
    $_->wait_records(20) for @streams;
    is(scalar($_->records), 20, '... once') for @streams;
    $twice->quit;

    $sse->wait_records(710);
}


# ---- a Redis that refuses, and then does not: each is an attempt after a
# pause, a line in the log, and nothing lost

{
    my $n = 710;

    my $states = sub ($want, $what) {
        my $is;
        my $ok = eval {
            wait_for(8, $what, sub {
                my $status = $node->status or return;
                $is = join ' ', $status->{redis}{state},
                                $status->{redis}{subscribed} ? 'yes' : 'no';
                $is eq $want;
            }, 0.05);
        };

        ok($ok, $what) or diag("$is\n", $node->errors);
    };

    my @troubles = (
        [ 'an ACL that closes the channel', qr/NOPERM/,
          sub { $open->cmd(qw(ACL SETUSER default resetchannels)) },
          sub { $open->cmd(qw(ACL SETUSER default allchannels)) } ],

        [ 'a replica without its master', qr/MASTERDOWN/,
          sub {
              $open->cmd(qw(CONFIG SET replica-serve-stale-data no));
              $open->cmd(qw(REPLICAOF 127.0.0.1 1));
              $open->cmd(qw(CLIENT KILL TYPE), $_) for qw(pubsub normal);
          },
          sub { $open->cmd(qw(REPLICAOF NO ONE)) } ],

        [ 'a Redis that pauses its clients', qr/no answer/,
          sub { $open->cmd(qw(CLIENT PAUSE 4000 ALL)) }, sub { } ],

        [ 'a Redis that has no connection left',
          qr/max number of clients/,
          sub {
              $open->cmd(qw(CONFIG SET maxclients 1));
              $open->cmd(qw(CLIENT KILL TYPE), $_) for qw(pubsub normal);
          },
          sub { $open->cmd(qw(CONFIG SET maxclients 10000)) } ],
    );

    for (@troubles) {
        my ($name, $words, $begin, $end) = @$_;
        my $lines = () = $node->log_lines(qr/\[error\].*Redis/);

        $states->('connected yes', "before $name");
        $begin->();

        my $filling = $kafka->filling($topic, n => 400, rate => 400,
                                      start => 2000 + $n);
        $n += 400;

        $states->('disconnected no', "$name: both links are without it");
        $sse->wait_records($n, 20);
        $filling->finish;

        $end->();
        $states->('connected yes', "$name: both links return");

        $kafka->fill($topic, n => 50, start => 2000 + $n);
        $n += 50;
        $sse->wait_records($n, 20);
        is(scalar($sse->records), $n, '... and nothing is lost');

        my @said = $node->log_lines(qr/\[error\].*Redis/);
        splice @said, 0, $lines;
        cmp_ok(scalar(grep { /$words/ } @said), '>=', 1, '... it is said')
            or diag(@said);
        cmp_ok(scalar @said, '<=', 6, '... but not with each attempt')
            or diag(@said);
    }
}

finish;
