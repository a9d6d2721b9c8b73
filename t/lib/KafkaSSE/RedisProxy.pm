package KafkaSSE::RedisProxy;

# Stands between a node and Redis and decides over each message of the
# subscription by what is in its envelope.
#
#     my $proxy = KafkaSSE::RedisProxy->new($redis);
#     $proxy->rules({ topic => $t, partition => 3, delay => 1.5 },
#                   { topic => $t, drop => 1 });
#     $proxy->rules;           # all pass again
#     $proxy->counts;          # passed, delayed, dropped, records
#
# The first rule that fits an envelope decides.  A rule without a topic or a
# partition fits any.  What one rule delays stays in order; what no rule fits
# passes at once, so partitions overtake each other.  drop => n drops the next
# n messages, delay => seconds, hold => 1 keeps them until the next rules().
#
# A beacon never overtakes an envelope: it is delayed as the slowest partition
# of its topic is.  drop and hold let beacons pass, unless beacons => 1; they
# fit a rule whatever its partition is.  They are not in counts.

use v5.36;

use IO::Poll qw(POLLIN POLLOUT);
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);
use Time::HiRes qw(time);
use KafkaSSE::Rig qw(free_port at_end json_encode json_decode wait_exit);


sub new ($class, $redis) {
    my $port = free_port();

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16,
        ReuseAddr => 1, Proto => 'tcp') // die "proxy: $!";

    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!";

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp;
        alarm 0;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        close $ours;
        eval { _serve($listen, $theirs, $redis->port); 1 }
            or print STDERR "# Redis proxy: $@";
        POSIX::_exit(0);
    }

    close $theirs;
    close $listen;

    my $self = bless { port => $port, pid => $pid, control => $ours }, $class;

    at_end(sub { $self->stop });

    return $self;
}


sub port ($self) { $self->{port} }
sub url ($self)  { "redis://127.0.0.1:$self->{port}" }


sub stop ($self) {
    my $pid = delete $self->{pid} // return;
    kill KILL => $pid;
    wait_exit($pid, 5);
}


sub _ask ($self, $what) {
    syswrite $self->{control}, json_encode($what) . "\n";
    my $answer = '';
    while ($answer !~ /\n\z/) {
        sysread $self->{control}, $answer, 65536, length $answer
            or die "the proxy is gone";
    }
    return json_decode($answer);
}


sub rules ($self, @rules) { $self->_ask({ rules => \@rules }) }
sub counts ($self)        { $self->_ask({}) }
sub cut ($self)           { $self->_ask({ cut => 1 }) }    # all connections


# From here on: the proxy's own process.

sub _serve ($listen, $control, $redis_port) {
    my (%peer, %in, %out, %filtered);   # by descriptor
    my %sock = (fileno $listen => $listen, fileno $control => $control);
    my $commands = '';
    my @rules;
    my @later;                          # [ when, rule, descriptor, bytes ]
    my %count = map { $_ => 0 } qw(passed delayed dropped records);

    my $drop = sub ($fd) {
        for my $fd (grep { defined } $fd, $peer{$fd}) {
            my $s = delete $sock{$fd} // next;
            close $s;
            delete $_->{$fd} for \(%in, %out, %filtered);
            @later = grep { $_->[2] != $fd } @later;
        }
        delete $peer{$peer{$fd}} if defined $peer{$fd};
        delete $peer{$fd};
    };

    my $decide = sub ($to, $bytes, $message) {
        $count{records} += $message->{count} // 0 if defined $message;

        my $rule = defined $message ? _rule(\@rules, $message) : undef;

        my $counts = defined $message && !$message->{beacon};

        if (!$rule) {
            $count{passed}++ if $counts;
            $out{$to} .= $bytes;
            return;
        }

        if ($rule->{drop}) {
            return if !$counts;
            $rule->{drop}--;
            $count{dropped}++;
            return;
        }

        $count{delayed}++ if $counts;
        push @later, [ $rule->{hold} ? 9e99 : time + $rule->{delay}, $rule,
                       $to, $bytes ];
    };

    for ( ;; ) {
        my $now = time;
        my @due = grep { $_->[0] <= $now } @later;
        @later = grep { $_->[0] > $now } @later if @due;
        $out{$_->[2]} .= $_->[3] for @due;

        my $wait = 1000;
        for (@later) {
            my $ms = ($_->[0] - $now) * 1000;
            $wait = $ms if $ms < $wait;
        }

        my @mask = map {
            ($_, POLLIN | (length($out{$_} // '') ? POLLOUT : 0))
        } keys %sock;

        IO::Poll::_poll(int($wait) + 1, @mask);

        while (my ($fd, $got) = splice @mask, 0, 2) {
            next if !$got || !$sock{$fd};

            if ($fd == fileno $listen) {
                my $client = $listen->accept or next;
                my $server = IO::Socket::INET->new(
                    PeerAddr => '127.0.0.1', PeerPort => $redis_port);

                if (!$server) {
                    close $client;
                    next;
                }

                $_->blocking(0) for $client, $server;

                my ($c, $s) = (fileno $client, fileno $server);
                %sock = (%sock, $c => $client, $s => $server);
                %peer = (%peer, $c => $s, $s => $c);
                $in{$_} = $out{$_} = '' for $c, $s;
                $filtered{$s} = 1;
                next;
            }

            if ($fd == fileno $control) {
                sysread $control, $commands, 65536, length $commands
                    or return;

                while ($commands =~ s/^(.*)\n//) {
                    my $c = json_decode($1);

                    if ($c->{rules}) {
                        @rules = @{$c->{rules}};
                        $out{$_->[2]} .= $_->[3] for @later;
                        @later = ();
                    }

                    if ($c->{cut}) {
                        $drop->($_) for keys %filtered;
                    }

                    syswrite $control, json_encode(\%count) . "\n";
                }

                next;
            }

            if ($got & POLLOUT) {
                my $n = syswrite $sock{$fd}, $out{$fd};
                substr $out{$fd}, 0, $n, '' if $n;
            }

            next if !($got & ~POLLOUT);

            my $n = sysread $sock{$fd}, $in{$fd}, 262144, length $in{$fd};

            if (!$n) {
                next if !defined $n && $!{EAGAIN};
                $drop->($fd);
                next;
            }

            my $to = $peer{$fd};

            if (!$filtered{$fd}) {
                $out{$to} .= $in{$fd};
                $in{$fd} = '';

            } else {
                _replies(\$in{$fd}, sub ($bytes, $message) {
                    $decide->($to, $bytes, $message);
                });
            }
        }
    }
}


# Takes all complete replies off the buffer.

sub _replies ($buf, $each) {
    my $at = 0;

    while (defined(my $end = _reply_end($buf, $at))) {
        my $bytes = substr $$buf, $at, $end - $at;
        my $message;

        if ($bytes =~ /^[*>]3\r\n\$\d+\r\ns?message\r\n\$(\d+)\r\n/) {
            my $channel = substr $bytes, $+[0], $1;
            my $body = substr $bytes, $+[0] + $1 + 2;
            $body =~ s/^\$\d+\r\n//;
            $message = _envelope($channel, substr $body, 0, -2);
        }

        $each->($bytes, $message);
        $at = $end;
    }

    substr $$buf, 0, $at, '';
}


sub _reply_end ($buf, $at) {
    my $eol = index $$buf, "\r\n", $at;
    return undef if $eol < 0;

    my $type = substr $$buf, $at, 1;
    my $n = substr $$buf, $at + 1, $eol - $at - 1;
    my $end = $eol + 2;

    if ($type eq '$') {
        $end += $n + 2 if $n >= 0;
        return $end <= length $$buf ? $end : undef;
    }

    if ($type eq '*' || $type eq '>') {
        for (1 .. $n) {
            $end = _reply_end($buf, $end) // return undef;
        }
    }

    return $end;
}


# The head of an envelope or a beacon, as src/shared/ngx_kafka_sse_envelope.h
# has it.

sub _envelope ($channel, $payload) {
    my %env = (channel => $channel);

    if ($payload =~ /^KSE\x01/) {
        eval {
            my ($cluster, $topic, $incarnation, $partition, $from, $end,
                $count) = unpack 'x4 C/a C/a a16 l< q< q< L<', $payload;

            %env = (%env, cluster => $cluster, topic => $topic,
                    partition => $partition, from => $from, count => $count);
        };

    } elsif ($payload =~ /^KSB\x01/) {
        my ($cluster, $topic) = eval { unpack 'x4 C/a C/a', $payload };
        %env = (%env, cluster => $cluster, topic => $topic, beacon => 1);
    }

    return \%env;
}


sub _rule ($rules, $env) {
    my @fit = grep {
        (!defined $_->{topic} || $_->{topic} eq ($env->{topic} // ''))
            && !(defined $_->{drop} && $_->{drop} <= 0)
    } @$rules;

    if ($env->{beacon}) {
        my ($rule) = grep { $_->{beacons} } @fit;
        return $rule if $rule;

        my @slowest = sort { $b->{delay} <=> $a->{delay} }
                      grep { defined $_->{delay} } @fit;
        return $slowest[0];
    }

    my ($rule) = grep {
        !defined $_->{partition}
            || $_->{partition} == ($env->{partition} // -1)
    } @fit;

    return $rule;
}


1;
