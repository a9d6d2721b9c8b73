package KafkaSSE::Redis;

# A real Redis on loopback and on a unix socket, and a small client for it.
#
#     my $redis = KafkaSSE::Redis->new;
#     my $redis = KafkaSSE::Redis->new(conf => [ requirepass => 'secret' ]);
#     $redis->cmd('PUBSUB', 'CHANNELS');
#
# tls => KafkaSSE::Authority: it has a port for TLS, too, which is that of its
# ->url, with a certificate for localhost and 127.0.0.1.  ->cmd never needs it.
#
# Several of them, each with a ->url for nginx:
#
#     my $fleet = KafkaSSE::Redis::Sentinels->new(replicas => 1);
#     my $cluster = KafkaSSE::Redis::Cluster->new(masters => 3);

use v5.36;

use IO::Socket::INET;
use KafkaSSE::Rig qw(tempdir free_port wait_for spawn slurp spew unique at_end
                     alive);


sub new ($class, %opt) {
    my $self = bless {
        port => free_port(),
        dir => tempdir() . '/' . unique('redis'),
        conf => $opt{conf} // [],
    }, $class;

    mkdir $self->{dir} or die "$self->{dir}: $!";

    $self->{socket} = "$self->{dir}/redis.sock";

    my %conf = (
        bind => '127.0.0.1', port => $self->{port}, dir => $self->{dir},
        daemonize => 'no',
        $opt{sentinel} ? () : (
            unixsocket => $self->{socket}, unixsocketperm => 777,
            save => '""', appendonly => 'no',
            'client-output-buffer-limit' => 'pubsub 256mb 64mb 60',
        ),
    );

    if ($opt{tls}) {
        my $cert = $opt{tls}->issue(san => 'DNS:localhost,IP:127.0.0.1');

        $self->{tls_port} = free_port();

        %conf = (%conf, 'tls-port' => $self->{tls_port},
                 'tls-cert-file' => $cert->{crt},
                 'tls-key-file' => $cert->{key},
                 'tls-ca-cert-file' => $opt{tls}->file,
                 'tls-auth-clients' => 'no', 'tls-replication' => 'yes',
                 'tls-cluster' => 'yes');
    }

    $self->{options} = $opt{sentinel} ? [ '--sentinel' ] : [];

    my $text = join '', map { "$_ $conf{$_}\n" } sort keys %conf;
    my @more = @{$self->{conf}};

    while (my ($key, $value) = splice @more, 0, 2) {
        $text .= "$key $value\n";
        $self->{password} = $value if $key eq 'requirepass';
    }

    spew("$self->{dir}/redis.conf", $text);

    $self->start if $opt{start} // 1;

    at_end(sub { $self->kill });

    return $self;
}


sub port ($self)   { $self->{port} }
sub pid ($self)    { $self->{pid} }
sub socket ($self) { $self->{socket} }

# the port by which others know it

sub public_port ($self) { $self->{tls_port} // $self->{port} }

sub url ($self) {
    my $scheme = $self->{tls_port} ? 'rediss' : 'redis';
    return "$scheme://127.0.0.1:" . $self->public_port;
}


sub start ($self) {
    $self->{pid} = spawn([ 'redis-server', "$self->{dir}/redis.conf",
                           @{$self->{options}} ],
                         out => "$self->{dir}/redis.log", leash => 1);

    my $ok = eval {
        wait_for(15, 'Redis answers', sub {
            alive($self->{pid})
                && eval { $self->cmd('PING') } || $@ =~ /NOAUTH|NOPERM/;
        });
    };

    die "Redis does not start:\n" . slurp("$self->{dir}/redis.log") if !$ok;

    return $self;
}


sub stop ($self) {
    return if !$self->{pid};

    CORE::kill(CONT => $self->{pid});
    CORE::kill(TERM => $self->{pid});
    $self->_gone;
}


sub kill ($self) {
    return if !$self->{pid};

    CORE::kill(KILL => $self->{pid});
    $self->_gone;
}


sub _gone ($self) {
    my $pid = delete $self->{pid};
    delete $self->{client};

    wait_for(10, 'Redis ends', sub { !alive($pid) });
}


sub restart ($self) { $self->kill; $self->start }
sub pause ($self)   { CORE::kill(STOP => $self->{pid}) }
sub resume ($self)  { CORE::kill(CONT => $self->{pid}) }


# One command, its answer decoded; dies of an error answer.

sub cmd ($self, @args) {
    my $sock = $self->{client} //= $self->_connect;

    my $out = '*' . @args . "\r\n";
    $out .= '$' . length($_) . "\r\n$_\r\n" for @args;

    my $answer = eval {
        print $sock $out or die "Redis: $!\n";
        $sock->flush;
        _answer($sock);
    };

    if ($@) {
        delete $self->{client} if $@ !~ /^-/;
        die $@;
    }

    return $answer;
}


sub _connect ($self) {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $self->{port}, Timeout => 5)
        // die "Redis: $!\n";

    if (defined $self->{password}) {
        local $self->{client} = $sock;
        $self->cmd('AUTH', $self->{password});
    }

    return $sock;
}


sub _answer ($sock) {
    defined(my $line = readline $sock) or die "Redis: connection lost\n";
    $line =~ s/\r\n\z// or die "Redis: cut answer\n";

    my ($type, $rest) = $line =~ /^(.)(.*)/s;

    return $rest if $type eq '+' || $type eq ':';

    die "-$rest\n" if $type eq '-';

    if ($type eq '$') {
        return undef if $rest < 0;
        my $data = '';
        while (length $data < $rest + 2) {
            read $sock, $data, $rest + 2 - length $data, length $data
                or die "Redis: connection lost\n";
        }
        return substr $data, 0, $rest;
    }

    if ($type eq '*') {
        return undef if $rest < 0;
        return [ map { scalar _answer($sock) } 1 .. $rest ];
    }

    die "Redis: not an answer: $line\n";
}


# how many subscribers a channel has, by channel

sub subscribers ($self) {
    my $channels = $self->cmd('PUBSUB', 'CHANNELS');
    return {} if !@$channels;
    return { @{$self->cmd('PUBSUB', 'NUMSUB', @$channels)} };
}


# One master, replicas, and three Sentinels that watch them.

package KafkaSSE::Redis::Sentinels {

    use KafkaSSE::Rig qw(wait_for unique);

    sub new ($class, %opt) {
        my $name = unique('master');
        my @auth = defined $opt{password} ? (requirepass => $opt{password},
                                             masterauth => $opt{password}) : ();

        my @tls = $opt{tls} ? (tls => $opt{tls}) : ();

        my $master = KafkaSSE::Redis->new(@tls, conf => [ @auth ]);
        my $port = $master->public_port;

        my @replicas = map {
            KafkaSSE::Redis->new(@tls, conf => [ @auth, replicaof =>
                                               "127.0.0.1 $port",
                                           'repl-diskless-sync-delay' => 0 ]);
        } 1 .. $opt{replicas} // 1;

        my @lock = defined $opt{sentinel_password}
                   ? (requirepass => $opt{sentinel_password}) : ();

        my @sentinels = map {
            KafkaSSE::Redis->new(@tls, sentinel => 1, conf => [
                @lock,
                sentinel => "monitor $name 127.0.0.1 $port 2",
                defined $opt{password}
                    ? (sentinel => "auth-pass $name $opt{password}") : (),
                defined $opt{sentinel_password}
                    ? (sentinel => "sentinel-pass $opt{sentinel_password}")
                    : (),
                sentinel => "down-after-milliseconds $name 500",
                sentinel => "failover-timeout $name 4000",
            ]);
        } 1 .. 3;

        my $self = bless { name => $name, redis => [ $master, @replicas ],
                           sentinels => \@sentinels }, $class;

        # all of them know all: so a failover has a majority and a successor

        wait_for(20, 'the Sentinels know all', sub {
            !grep {
                my %master = @{$_->cmd('SENTINEL', 'MASTER', $name)};
                $master{'num-other-sentinels'} != 2
                    || $master{'num-slaves'} != @replicas
                    || $master{flags} ne 'master'
                    || grep {
                           my %replica = @$_;
                           $replica{flags} ne 'slave'
                               || $replica{'master-link-status'} ne 'ok'
                       } @{$_->cmd('SENTINEL', 'REPLICAS', $name)}
            } @sentinels;
        }, 0.1);

        return $self;
    }

    sub name ($self)      { $self->{name} }
    sub sentinels ($self) { @{$self->{sentinels}} }

    sub url ($self) {
        return join ' ', (map { $_->url } $self->sentinels),
                    "sentinel=$self->{name}";
    }

    # the one that a Sentinel takes for the master

    sub master ($self, $sentinel = $self->{sentinels}[-1]) {
        my (undef, $port) = @{$sentinel->cmd('SENTINEL',
                                             'GET-MASTER-ADDR-BY-NAME',
                                             $self->{name})};
        my ($master) = grep { $_->public_port == $port } @{$self->{redis}};
        return $master;
    }
}


# Masters with all slots among them, each with replicas.

package KafkaSSE::Redis::Cluster {

    use KafkaSSE::Rig qw(wait_for free_port);

    sub new ($class, %opt) {
        my $masters = $opt{masters} // 3;
        my $replicas = $opt{replicas} // 0;
        my @bus;

        my @nodes = map {
            push @bus, free_port();
            KafkaSSE::Redis->new(tls => $opt{tls}, conf => [
                'cluster-enabled' => 'yes', 'cluster-port' => $bus[-1],
                'cluster-node-timeout' => $opt{timeout} // 1000,
                'cluster-require-full-coverage' => 'no',
                'cluster-replica-validity-factor' => 0,
                'repl-diskless-sync-delay' => 0,
                @{$opt{conf} // []},
            ]);
        } 1 .. $masters * (1 + $replicas);

        my $self = bless { nodes => \@nodes, masters => $masters }, $class;

        for my $i (0 .. $#nodes) {
            $nodes[$i]->cmd('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
            $nodes[$i]->{id} = $nodes[$i]->cmd('CLUSTER', 'MYID');

            $nodes[$i]->cmd('CLUSTER', 'ADDSLOTSRANGE',
                            int(16384 * $i / $masters),
                            int(16384 * ($i + 1) / $masters) - 1)
                if $i < $masters;

            $nodes[$i]->cmd('CLUSTER', 'MEET', '127.0.0.1',
                            $nodes[0]->public_port, $bus[0])
                if $i;
        }

        wait_for(20, 'all nodes know all', sub {
            !grep { $_->cmd('CLUSTER', 'INFO') !~ /known_nodes:(\d+)/
                    || $1 != @nodes } @nodes;
        });

        for my $i ($masters .. $#nodes) {
            $nodes[$i]->cmd('CLUSTER', 'REPLICATE',
                            $nodes[$i % $masters]->{id});
        }

        wait_for(20, 'the cluster is whole', sub {
            !grep {
                my $info = $_->cmd('CLUSTER', 'INFO');
                $info !~ /cluster_state:ok/
                    || $info !~ /cluster_slots_ok:16384/
            } @nodes;
        });

        wait_for(20, 'replicas have their masters', sub {
            !grep { $_->cmd('INFO', 'replication') !~ /master_link_status:up/ }
                  @nodes[$masters .. $#nodes];
        });

        return $self;
    }

    sub nodes ($self)   { @{$self->{nodes}} }
    sub masters ($self) { @{$self->{nodes}}[0 .. $self->{masters} - 1] }
    sub url ($self)     { join ' ', map { $_->url } $self->masters }

    sub slot ($self, $channel) {
        return $self->{nodes}[0]->cmd('CLUSTER', 'KEYSLOT', $channel);
    }

    # the master that has the slot now, in the eyes of a node

    sub owner ($self, $slot, $node = $self->{nodes}[0]) {
        for my $range (@{$node->cmd('CLUSTER', 'SLOTS')}) {
            my ($first, $last, $master) = @$range;
            next if $slot < $first || $slot > $last;
            return (grep { $_->port == $master->[1] } $self->nodes)[0];
        }

        return undef;
    }

    # as "redis-cli --cluster reshard" does it, of a slot without keys

    sub move ($self, $slot, $to) {
        my $from = $self->owner($slot, $to);

        $to->cmd('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $from->{id});
        $from->cmd('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $to->{id});

        $_->cmd('CLUSTER', 'SETSLOT', $slot, 'NODE', $to->{id}) for $to, $from;
    }

    # how many subscribers a sharded channel has on each node, by channel;
    # without nodes that are away

    sub subscribers ($self, @away) {
        my (%n, %away);

        $away{$_->port} = 1 for @away;

        for my $node (grep { !$away{$_->port} } $self->nodes) {
            my $channels = $node->cmd('PUBSUB', 'SHARDCHANNELS');
            next if !@$channels;
            my %here = @{$node->cmd('PUBSUB', 'SHARDNUMSUB', @$channels)};
            $n{$_}{$node->port} = $here{$_} for keys %here;
        }

        return \%n;
    }
}


1;
