package KafkaSSE::Redis;

# A real Redis on loopback and on a unix socket, and a small client for it.
#
#     my $redis = KafkaSSE::Redis->new;
#     my $redis = KafkaSSE::Redis->new(conf => [ requirepass => 'secret' ]);
#     $redis->cmd('PUBSUB', 'CHANNELS');

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
        unixsocket => $self->{socket}, unixsocketperm => 777,
        save => '""', appendonly => 'no', daemonize => 'no',
        'client-output-buffer-limit' => 'pubsub 256mb 64mb 60',
    );

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
sub url ($self)    { "redis://127.0.0.1:$self->{port}" }


sub start ($self) {
    $self->{pid} = spawn([ 'redis-server', "$self->{dir}/redis.conf" ],
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


1;
