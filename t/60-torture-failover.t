# Redis fails over, by Sentinels and in a cluster, and a slot moves: nobody
# loses anything, or is silent for more than 3 s.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;


sub begin ($redis) {
    my $rig = KafkaSSE::Torture->new(redis => $redis);
    my $many = $rig->many(15, 40);

    $rig->clients('hoppers', streams => $many, hop => 1);
    $rig->clients('sitters', streams => $many);
    $rig->produce;

    return $rig;
}

sub end ($rig, $phase) {
    $rig->verdict;

    is($rig->report('sitters')->{connects}, $rig->report('sitters')->{streams},
       'who stayed has kept its connection');
    $rig->silent($_, $phase, all => 3000) for 'hoppers', 'sitters';
}


# ---- Sentinels

{
    my $fleet = KafkaSSE::Redis::Sentinels->new(replicas => 2);
    my $rig = begin($fleet);
    my ($sentinel) = $fleet->sentinels;

    my $old;

    $rig->rounds(1, sub ($n) {

        # a failover needs replicas

        if ($old) {
            $rig->phase("back $n");
            $old->start;

            eval {
                wait_for(40, 'two replicas', sub {
                    2 == grep {
                        my %replica = @$_;
                        $replica{flags} eq 'slave'
                            && $replica{'master-link-status'} eq 'ok'
                    } @{$sentinel->cmd('SENTINEL', 'REPLICAS', $fleet->name)};
                }, 0.2);
            } or diag($@);
        }

        $rig->phase("sentinel $n");
        $old = $fleet->master;
        $old->kill;

        my $other = eval {
            wait_for(15, 'another master',
                     sub { $fleet->master->port != $old->port });
        };
        ok($other, "round $n: the Sentinels have another master") or diag($@);

        $rig->flows("after failover $n");
        ok($rig->wait_source('redis'), "round $n: Redis carries all again");
    }, share => 0.5);

    end($rig, qr/^sentinel/);
}


# ---- a cluster

{
    my $cluster = KafkaSSE::Redis::Cluster->new(masters => 3, replicas => 1);
    my $rig = begin($cluster);

    my ($channel) = keys %{$cluster->subscribers};
    my $slot = $cluster->slot($channel);

    $rig->rounds(3, sub ($n) {
        my $owner = $cluster->owner($slot);
        my @others = grep { $_ != $owner } $cluster->masters;
        my $next = $others[$n % @others];

        $rig->phase("slot $n");
        $cluster->move($slot, $next);

        my $followed = eval {
            wait_for(10, 'subscriptions', sub {
                my $at = $cluster->subscribers->{$channel} // {};
                ($at->{$next->port} // 0) == 2 && keys %$at == 1;
            });
        };
        ok($followed, "round $n: both nodes follow the slot") or diag($@);

        $rig->flows("after the slot has moved, $n");
        ok($rig->wait_source('redis'), "round $n: Redis carries all again");
    }, share => 0.3);

    $rig->phase('cluster');

    my $owner = $cluster->owner($slot);
    my ($witness) = grep { $_ != $owner } $cluster->masters;
    $owner->kill;

    my $other = eval {
        wait_for(15, 'another owner', sub {
            my $is = $cluster->owner($slot, $witness);
            $is && $is->port != $owner->port;
        });
    };
    ok($other, 'the replica of a killed master has its slots') or diag($@);

    $rig->flows('after a master was killed');
    ok($rig->wait_source('redis'), 'Redis carries all again');

    end($rig, qr/^(?:slot|cluster)/);
}

finish;
