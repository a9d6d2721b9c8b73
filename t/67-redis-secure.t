# Redis over TLS: who it is is checked, always; what is wrong is said, once; and
# records come from Kafka meanwhile.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $topic = $kafka->topic('secure', partitions => 2,
                          config => { 'max.message.bytes' => 4_000_000 });

my $ca = KafkaSSE::Authority->new;
my $stranger = KafkaSSE::Authority->new;
my $redis = KafkaSSE::Redis->new(tls => $ca,
                                 conf => [ requirepass => 'open-sesame' ]);

my $tls = '127.0.0.1:' . $redis->public_port;
my $plain = '127.0.0.1:' . $redis->port;
my $user = ':open-sesame@';
my $trust = 'ca=' . $ca->file;
my $client = $ca->issue(cn => 'edge');
chmod 0600, $client->{key};

my $mine = "certificate=$client->{crt} key=$client->{key}";


sub node ($url, %opt) {
    return KafkaSSE::Node->new(
        kafka => $kafka, redis => $url, zone => '64m', %opt,
        server => <<"END")->start;
kafka_sse_heartbeat 200ms;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END
}


sub through_redis ($node, $name) {
    my $status;
    ok(eval { wait_for(15, 'envelopes', sub {
                  $status = $node->status or return;
                  $status = $status->{redis};
                  $status->{state} eq 'connected' && $status->{subscribed}
                      && $status->{envelopes_received};
              }) }, $name)
        or diag(json_encode($status), $node->errors);
}


sub server (%certificate) {
    my $cert = $ca->issue(san => 'DNS:localhost,IP:127.0.0.1', %certificate);
    $redis->cmd('CONFIG', 'SET', 'tls-cert-file', $cert->{crt},
                'tls-key-file', $cert->{key});
}


# ---- each way that is right

my %right = (
    'an address' => [ no => "rediss://$user$tls $trust" ],
    'a name' => [ no => "rediss://${user}localhost:" . $redis->public_port
                        . " $trust" ],
    'a client certificate' => [ yes => "rediss://$user$tls $trust $mine" ],
);

for my $way (sort keys %right) {
    my ($clients, $url) = @{$right{$way}};
    $redis->cmd('CONFIG', 'SET', 'tls-auth-clients', $clients);

    my $node = node($url);
    my $sse = $node->sse('/s')->wait_position;
    $node->ready([ $topic ]);
    $kafka->fill($topic, n => 20);
    $sse->wait_records(20);
    is(scalar($sse->records), 20, "records come with $way");
    through_redis($node, '... through Redis');

    my @clients = grep { /name=kafka_sse/ }
                  split /\n/, $redis->cmd('CLIENT', 'LIST');
    is(scalar(grep { / laddr=\Q$tls\E / } @clients), 2,
       '... both links by TLS') or diag(@clients);
    is(scalar(@clients), 2, '... and nothing else');

    is(scalar($node->log_lines(qr/\[(?:error|warn)\].*Redis "/)), 0,
       '... without a word') or diag($node->errors);
    unlike($node->log, qr/sesame/, '... and without the password');
    $node->quit;
}


# ---- each that is wrong: said once by each link, and where it can be put
# right while we run, it is taken up again

my @wrong = (
    [ 'another authority', "rediss://$user$tls ca=" . $stranger->file,
      qr/certificate "\S*CN=[^"]*" is not accepted: self-signed certificate in/,
    ],
    [ 'only those that the system trusts', "rediss://$user$tls",
      qr/certificate "\S*CN=[^"]*" is not accepted: /,
    ],
    [ 'another name', "rediss://$user$tls $trust name=redis.internal",
      qr/certificate is for "localhost 127\.0\.0\.1", not for "redis\.internal"/,
    ],
    [ 'an address that it is not for', "rediss://$user$tls $trust",
      qr/certificate is for "localhost ::1", not for "127\.0\.0\.1"/,
      sub { server(san => 'DNS:localhost,IP:::1') }, sub { server() },
    ],
    [ 'a certificate that has expired', "rediss://$user$tls $trust",
      qr/is not accepted: certificate has expired/,
      sub { server(expired => 1) }, sub { server() },
    ],
    [ 'no client certificate', "rediss://$user$tls $trust",
      qr/TLS: .*(?:certificate required|handshake failure)/,
      sub { $redis->cmd(qw(CONFIG SET tls-auth-clients yes)) },
      sub { $redis->cmd(qw(CONFIG SET tls-auth-clients no)) },
    ],
    [ 'TLS at a port without it', "rediss://$user$plain $trust",
      qr/TLS: wrong version number|no answer in the TLS handshake/,
    ],
    [ 'no TLS at its port', "redis://$user$tls",
      qr/the connection was closed|recv\(\) failed|Protocol error/,
    ],
);

{
    my $other = $stranger->issue(cn => 'edge');
    push @wrong, [
        'a client certificate of another authority',
        "rediss://$user$tls $trust certificate=$other->{crt} key=$other->{key}",
        qr/TLS: .*(?:unknown ca|alert)/,
        sub { $redis->cmd(qw(CONFIG SET tls-auth-clients yes)) },
        sub { $redis->cmd(qw(CONFIG SET tls-auth-clients no)) },
    ];
}

for (@wrong) {
    my ($name, $url, $words, $begin, $end) = @$_;

    $begin->() if $begin;

    my $node = node($url);
    my $sse = $node->sse('/s')->wait_position;
    $kafka->fill($topic, n => 10);
    $sse->wait_records(10);
    is(scalar($sse->records), 10, "$name: records come from Kafka");

    # by each link, and then three more attempts of those that fail at once

    eval {
        wait_for(10, 'both fail', sub {
            2 <= grep { /$words/ } $node->log_lines(qr/\[error\].*Redis "/);
        });
    };

    my $beats = @{$sse->comments};
    $sse->wait_for(10, 'heartbeats', sub { @{$sse->comments} >= $beats + 5 });

    my @said = $node->log_lines(qr/\[error\].*Redis "/);
    cmp_ok(scalar(grep { /$words/ } @said), '>=', 2, '... it is said')
        or diag($node->errors);
    cmp_ok(scalar @said, '<=', 6, '... not with each attempt') or diag(@said);
    is($node->status->{redis}{state}, 'disconnected', '... nothing is sent');
    unlike($node->log, qr/sesame/, '... without the password');

    if ($end && $name !~ /authority/) {
        $end->();
        $kafka->fill($topic, n => 10);
        $sse->wait_records(20);
        is(scalar($sse->records), 20, '... put right: nothing is lost');
        wait_for(15, 'works', sub {
            $node->log_lines(qr/publishing to Redis "\S+" works now/)
                && $node->log_lines(qr/subscribing to Redis "\S+" works now/)
        });
        pass('... and it works, without a reload');

    } elsif ($end) {
        $end->();
    }

    $node->quit;
}


# ---- under load, with large records, connections are cut

{
    my $node = node("rediss://$user$tls $trust");
    my $sse = $node->sse('/s')->wait_position;
    $node->ready([ $topic ]);

    $kafka->fill($topic, n => 1);
    $sse->wait_records(1);
    through_redis($node, 'Redis carries the records');

    my $filling = $kafka->filling($topic, n => 6000, rate => 2000);

    for my $type (qw(normal pubsub normal pubsub)) {
        my $n = $sse->records;
        $sse->wait_for(10, 'more', sub { $sse->records >= $n + 600 });
        $redis->cmd('CLIENT', 'KILL', 'TYPE', $type, 'SKIPME', 'yes');
    }

    $filling->finish;
    $sse->wait_records(6001, 40);

    my %seen;
    my @offsets = map { "$_->{partition}:$_->{offset}" }
                  $sse->records(envelope => 1);
    is(scalar @offsets, 6001, 'links that are cut lose nothing');
    is(scalar(grep { $seen{$_}++ } @offsets), 0, '... and nothing is twice');

    cmp_ok($node->status->{redis}{reconnects}, '>=', 4, '... cut they were')
        or diag(json_encode($node->status->{redis}));
    through_redis($node, '... and Redis carries the records again');
    $sse->close;

    my $large = $node->sse('/s')->wait_position;
    my $before = $node->status->{redis}{envelopes_received};
    my @values = map { chr(97 + $_) x (700_000 * ($_ + 1)) } 0 .. 2;

    $kafka->produce([ map { { topic => $topic, partition => 0, value => $_ } }
                      @values ]);
    $large->wait_records(3, 30);
    is_deeply([ map { length $_->{value} } $large->records(envelope => 1) ],
              [ map { length } @values ], 'large records are whole')
        or diag($node->errors);
    cmp_ok($node->status->{redis}{envelopes_received}, '>=', $before + 3,
           '... through Redis');

    # nothing but TLS has to say why

    unlike($node->log, qr/bad write retry|bad length/, 'no write is garbled');
    $node->quit;
}


# ---- a user of Redis with no more than README says: without any one of these
# it is said which, and all is well once it is granted

{
    my @rights = qw(+publish +subscribe +ping +hello +client|setname);

    $redis->cmd(qw(ACL SETUSER edge on >s3cret resetchannels &edge:* -@all),
                @rights);

    my $node = node("rediss://edge:s3cret\@$tls $trust",
                    redis_prefix => 'edge');
    my $sse = $node->sse('/s')->wait_position;
    $node->ready([ $topic ]);

    $kafka->fill($topic, n => 10);
    $sse->wait_records(10);
    through_redis($node, "the user that README recommends can do all");
    is(scalar($node->log_lines(qr/refuses|\[error\].*Redis "/)), 0,
       '... and nothing is refused') or diag($node->errors);

    my $n = 10;

    # what is taken, what is said, whether it goes on without it

    my @taken = (
        [ '-publish', '+publish &edge:*' ],
        [ '-subscribe', '+subscribe &edge:*' ],
        [ 'resetchannels', '+publish &edge:*', '&edge:*' ],
        [ '-ping', '+ping' ],
        [ '-client|setname', '+client|setname' ],
        [ 'resetpass', 'look at the user and at "password_file="', '>s3cret' ],
    );

    for (@taken) {
        my ($take, $said, $give) = @$_;
        my $harmless = $take =~ /ping|client/;
        my $lines = () = $node->log_lines(qr/\[error\].*Redis "/);
        my $works = () = $node->log_lines(qr/Redis "\S+" works now/);

        $redis->cmd('ACL', 'SETUSER', 'edge', $take);
        $redis->cmd(qw(CLIENT KILL USER edge));
        $kafka->fill($topic, n => 10);
        $sse->wait_records($n += 10);
        is(scalar($sse->records), $n, "$take: records come");

        ok(eval { $node->wait_log("$take is said", sub {
                      grep { /\Q$said\E/ } $node->log_lines(qr/Redis/)
                  }); 1 }, '... it is said what to grant')
            or diag($node->errors);

        $redis->cmd('ACL', 'SETUSER', 'edge', $give // $take =~ s/^-/+/r);
        $kafka->fill($topic, n => 10);
        $sse->wait_records($n += 10);

        ok(eval { wait_for(10, 'connected', sub {
                      my $status = $node->status or return;
                      $status = $status->{redis};
                      $status->{state} eq 'connected' && $status->{subscribed};
                  }) }, '... and it works once it is') or diag($node->errors);
        is(scalar($sse->records), $n, '... and nothing is lost');

        my @said = $node->log_lines(qr/\[error\].*Redis "/);
        splice @said, 0, $lines;
        cmp_ok(scalar @said, '<=', 6, '... said once by each link')
            or diag(@said);
    }

    unlike($node->log, qr/s3cret/, 'the password is never said');
    $node->quit;

    my $db = node("rediss://edge:s3cret\@$tls/3 $trust",
                  redis_prefix => 'edge');
    $db->wait_log('a db', sub { $db->log_lines(qr/its ACL needs "\+select"/) });
    $redis->cmd(qw(ACL SETUSER edge +select));
    wait_for(10, 'connected', sub {
        my $status = $db->status;
        $status && $status->{redis}{state} eq 'connected';
    });
    pass('a db needs +select');
    $db->quit;
}

finish;
