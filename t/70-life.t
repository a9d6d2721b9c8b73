# The life of the companion: whatever happens to a process of one node, in the
# end there is exactly one companion, streams have every record once, and the
# group is as before.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('life', partitions => 6);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2, shutdown_timeout => '5s',
    http => <<'END', server => <<"END")->start;
kafka_sse_drain 500ms;
END
kafka_sse_retry 100ms jitter=100ms;
location /life { kafka_sse $topic; kafka_sse_data envelope; }
END

my $before = $node->ready([ $topic ]);
my $started = 0;


sub members ($group) {
    return join ' ', sort map {
        join ' ', "$_->{instance}:", sort @{$_->{partitions}};
    } @{$group->{members}};
}


# One row of the table: records flow, something happens, all of them arrive.
# What happens may tell how many companions there must be (1).

sub row ($name, $happens, %opt) {
    my $n = 1000;
    my $began = time;
    my @streams = (streams => 4, expect => $n);

    my $swarm = KafkaSSE::Swarm->new(
        nodes => [ $node ], path => '/life', @streams, seconds => 40,
        linger => 100);

    $swarm->wait_for(20, "$name: streams are open", sub ($now) {
        $now->{positioned} == 4;
    });

    my $filling = $kafka->filling($topic, n => $n, rate => 1000,
                                  start => $started);
    $started += $n;

    $swarm->wait_for(10, "$name: records flow", sub ($now) {
        $now->{least} >= $n / 10;
    });

    my $ok = eval { $happens->(); 1 };
    ok($ok, "$name: done") or diag($@, $node->titles, $node->errors);

    $filling->finish;
    my $report = $swarm->finish;

    is($report->{complete}, 4, "$name: produced = received")
        or diag(json_encode({ %$report, each => [] }), "\n",
                $node->titles, $node->errors);
    $swarm->ok_clean($report, "$name: once, in order, in whole chunks",
                     'resets', @{$opt{zero} // []});

    my $pid = eval { $node->companion };
    ok($pid, "$name: exactly one companion") or diag($@);

    my @masters = $node->masters;
    is(scalar @masters, 1, "$name: exactly one master")
        or diag($node->titles);

    my $group;
    eval {
        wait_for(15, 'the group', sub {
            $group = $kafka->group($node->group);
            members($group) eq members($before);
        }, 0.1);
    };
    is(members($group), members($before), "$name: the group is as before");

    note(sprintf '%s: %.1f s, latency p50 %d, p99 %d, max %d ms', $name,
         time - $began, @{$report->{latency}}{qw(p50 p99 max)});
}


# generations that are gone: only processes of this master, none leaving

sub settled {
    wait_for(12, "old processes leave, of:\n" . $node->titles, sub {
        my $master = $node->master;
        my @procs = grep { $_->{role} ne 'master' } $node->procs;
        !grep { $_->{leaving} || $_->{ppid} != $master } @procs;
    });
}

my @quiet = qw(cut reset refused other_status);     # nobody's connection


my $first = $node->companion;
is($node->companion, $first, 'one companion is there');
like((grep { $_->{role} eq 'companion' } $node->procs)[0]{title},
     qr/^nginx: kafka_sse companion process/, 'it has a title of its own');

row('nothing happens' => sub { }, zero => [ @quiet, 'clean' ]);
is($node->companion, $first, '... to the companion either');

for my $signal (qw(KILL SEGV)) {
    row("companion: $signal" => sub {
        my $pid = $node->companion;
        $node->kill_process($pid, $signal);
        $node->expect(qr/companion process $pid exited on signal/);
        wait_for(5, 'another companion', sub {
            my ($new) = $node->companions;
            $new && $new != $pid;
        });
    }, zero => [ @quiet, 'clean' ]);
}

row('companion: TERM' => sub {
    my $pid = $node->companion;
    kill TERM => $pid;
    wait_for(5, 'another companion', sub {
        my ($new) = $node->companions;
        $new && $new != $pid;
    });
}, zero => [ @quiet, 'clean' ]);

row('a worker: KILL' => sub {
    my ($pid) = $node->workers;
    $node->kill_process($pid);
    wait_for(5, 'another worker', sub { $node->workers == 2 });
});

row('reload' => sub { $node->reload; settled() }, zero => \@quiet);

row('two reloads, 50 ms apart' => sub {
    $node->reload(nowait => 1);
    sleep 0.05;         # not waiting for anything: the distance is the test
    $node->reload;
    settled();
}, zero => \@quiet);

row('reload with a larger zone' => sub {
    $node->set(zone => '24m');
    $node->reload;
    settled();
}, zero => \@quiet);

row('reload that is refused' => sub {
    my $pid = $node->companion;
    $node->expect(qr/unknown directive "kafka_sse_nonsense"/);
    $node->set(main => 'kafka_sse_nonsense;');
    $node->reload;
    $node->set(main => '');
    is($node->companion, $pid, 'the companion stays');
}, zero => [ @quiet, 'clean' ]);

row('nginx -t' => sub {
    my $pid = $node->companion;
    my $r = $node->t;
    is($r->{status}, 0, 'the configuration is good') or diag($r->{out});
    is($node->companion, $pid, 'the companion stays');
}, zero => [ @quiet, 'clean' ]);

row('USR2 upgrade' => sub {
    my $old = $node->master;
    my $new = $node->upgrade;
    $node->signal('QUIT', $old);
    wait_for(12, 'the old master leaves', sub { ($node->masters) == 1 });
    settled();
    is($node->master, $new, 'the new master is the master');
}, zero => \@quiet);

row('USR2, WINCH and back' => sub {
    my $old = $node->master;
    my $new = $node->upgrade;

    $node->signal('WINCH', $old);
    wait_for(10, 'the old workers leave',
             sub { !$node->workers(of => $old) });

    $node->signal('HUP', $old);
    wait_for(10, 'the old master has workers',
             sub { $node->workers(of => $old) == 2 });

    $node->signal('QUIT', $new);
    wait_for(12, 'the new master leaves', sub { ($node->masters) == 1 });
    settled();
    is($node->master, $old, 'the old master is the master');
}, zero => \@quiet);

row('proxy_cache beside it' => sub {
    $node->set(http => <<"END");
kafka_sse_drain 500ms;
proxy_cache_path temp/cache keys_zone=cache:1m inactive=1s
                 manager_sleep=100ms;
proxy_cache_valid 200 1s;
END
    $node->set(server => $node->{server} . <<"END") if !$node->{cached}++;
location /origin { return 200 "origin"; }
location /cached {
    proxy_cache cache;
    proxy_pass http://127.0.0.1:$node->{port}/origin;
}
END
    mkdir $node->prefix . '/temp/cache';
    chmod 0777, $node->prefix . '/temp/cache';
    $node->reload;
    settled();

    is($node->get('/cached')->{body}, 'origin', 'the cache serves');
    wait_for(10, 'the cache manager removes what is old', sub {
        my $n = 0;
        require File::Find;
        File::Find::find(sub { $n++ if -f }, $node->prefix . '/temp/cache');
        $n == 0;
    });
}, zero => \@quiet);


# ---- crash after crash: neither a storm of them nor the end of it

{
    my (%pids, $last);
    my $end = time + 3;

    while (time < $end) {
        for my $pid ($node->companions) {
            next if $pids{$pid}++;
            $node->{killed}{$pid} = 'KILL';
            kill KILL => $pid;
        }
        sleep 0.01;
    }

    cmp_ok(scalar keys %pids, '<', 400, 'crashes do not become a storm');

    row('after ' . keys(%pids) . ' crashes' => sub { $node->companion });
}


finish;
