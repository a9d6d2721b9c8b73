package KafkaSSE::Link;

# A worker's end of the link, as src/shared/ngx_kafka_sse_message.h has it:
#
#     my $link = KafkaSSE::Link->new($node);
#     my $replay = $link->open($topic, [ 0 .. 11 ]);
#     $link->wait(5, 'offsets', sub { $replay->{offsets} });
#     $replay->read(0 => 17, 1 => 0)->credit(65536);
#
# Asks are numbered from 0, in the order of the partitions.  $replay->{asks}
# has for each what came: { first, next, n, end, ends, gone, faults, fields (of
# the last record, packed) }.  With
# auto => bytes a replay grants again what it has received.
#
#     my $look = $link->look($topic);
#     $link->wait(5, 'seen', sub { $look->{seen} });
#
# is then "yes", "absent", "full" or "away".

use v5.36;

use IO::Select;
use Socket;
use KafkaSSE::Rig qw(slurp wait_for);
use Time::HiRes qw(time);

my %type = (open => 1, read => 2, credit => 3, stop => 4, close => 5,
            look => 6, offsets => 16, record => 17, end => 18, gone => 19,
            refused => 20, seen => 21);

my @seen = qw(yes absent full away);

my $version = 3;


# The socket listens in the abstract name space; each process has it.

sub address ($class, $pid) {
    my %name = map { my @f = split; $f[6] => $f[7] }
               grep { / 00010000 \d+ 01 +\d+ @/ }
               split /\n/, slurp("/proc/$pid/net/unix");

    for my $fd (glob "/proc/$pid/fd/*") {
        my ($inode) = (readlink($fd) // '') =~ /^socket:\[(\d+)\]/ or next;
        return $name{$inode} =~ s/^@/\0/r if $name{$inode};
    }

    return undef;
}


sub new ($class, $node, %opt) {
    my $address = $class->address($opt{pid} // $node->master)
        // die 'no socket listens for links';

    socket my $fh, AF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
    $fh->blocking(0);

    # the companion lets in its own user only, or whom this test wants to be

    my $uid = $opt{uid} // (stat '/proc/' . $node->companion)[4];

    {
        local $> = $uid;
        die "seteuid $uid: $!" if $> != $uid;
        connect $fh, pack_sockaddr_un($address) or die "connect: $!";
    }

    return bless { fh => $fh, in => '', out => '', replays => {},
                   number => 0, node => $node }, $class;
}


sub _message ($self, $type, $replay, $n, $body = '') {
    $self->{out} .= pack('LSSLL', 16 + length $body, $type, $version,
                         $replay, $n)
                    . $body;
    $self->_write;
}


sub raw ($self, $bytes) {
    $self->{out} .= $bytes;
    $self->_write;
}


sub _write ($self) {
    while ($self->{out} ne '') {
        my $n = syswrite($self->{fh}, $self->{out}) // return;
        substr $self->{out}, 0, $n, '';
    }
}


# concurrent, rate, cluster, times => [ for each ask ], auto, check => sub

sub open ($self, $topic, $partitions, %opt) {
    my $number = $opt{number} // ++$self->{number};
    my $times = $opt{times} // [];
    my @topics = ref $topic ? @$topic : $topic;

    my $names = join '', map { pack 'C/a', $_ }
                             $opt{cluster} // 'main', @topics;
    $names .= "\0" x (-length($names) % 8);

    my $i = 0;

    my $replay = bless {
        link => $self, number => $number, bytes => 0, granted => 0, n => 0,
        opened => time, %opt,
        asks => [ map { { partition => $_, n => 0, ends => 0, faults => 0 } }
                      @$partitions ],
    }, 'KafkaSSE::Link::Replay';

    $self->{replays}{$number} = $replay;

    $self->_message($type{open}, $number, scalar @$partitions,
                    pack('LLLL', $opt{concurrent} // 1000, $opt{rate} // 0,
                         scalar @topics, length $names)
                    . $names
                    . join '', map { pack 'Llq', $opt{topic} // 0, $_,
                                          $times->[$i++] // -1 }
                                   @$partitions);

    return $replay;
}


# Is there such a topic?

sub look ($self, $topic, %opt) {
    my $number = $opt{number} // ++$self->{number};

    my $names = join '', map { pack 'C/a', $_ } $opt{cluster} // 'main',
                                                $topic;
    $names .= "\0" x (-length($names) % 8);

    my $look = bless { link => $self, number => $number, topic => $topic,
                       asked => time }, 'KafkaSSE::Link::Look';

    $self->{replays}{$number} = $look;
    $self->_message($type{look}, $number, 0, $names);

    return $look;
}


# ... and the answer

sub seen ($self, $topic, %opt) {
    my $look = $self->look($topic, %opt);

    $self->wait($opt{seconds} // 10, "an answer for $topic",
                sub { $look->{seen} });

    return $look->{seen};
}


# What has come; false when the other end has closed the link.

sub take ($self, $seconds = 0) {
    return 0 if $self->{closed};

    $self->_write;

    my $select = IO::Select->new($self->{fh});
    return 1 if !$select->can_read($seconds);

    my $n = sysread $self->{fh}, $self->{in}, 1 << 20, length $self->{in};

    if (!defined $n && $!{EAGAIN}) {
        return 1;
    }

    if (!$n) {
        $self->{closed} = 1;
        return 0;
    }

    my $pos = 0;
    my $in = \$self->{in};

    while (length($$in) - $pos >= 16) {
        my ($size, $type, $got, $number, $n) =
            unpack "x$pos LSSLL", $$in;

        die "message of size $size, version $got"
            if $size < 16 || $size % 8 || $got != $version;
        last if length($$in) - $pos < $size;

        my $replay = $self->{replays}{$number};
        $replay->_message($type, $n, $in, $pos, $size) if $replay;

        $pos += $size;
    }

    substr $$in, 0, $pos, '';

    return 1;
}


sub wait ($self, $seconds, $what, $condition) {
    my $until = time + $seconds * KafkaSSE::Rig::slow();

    while (!$condition->()) {
        die "not within $seconds s: $what" if time > $until;
        $self->take(0.05) or die "the link was closed: $what";
    }

    return 1;
}


# for so long, which is what the test measures

sub listen ($self, $seconds) {
    my $until = time + $seconds;

    while ((my $left = $until - time) > 0) {
        $self->take($left) or return 0;
    }

    return 1;
}


sub wait_closed ($self, $seconds = 10) {
    my $until = time + $seconds;

    while (time < $until) {
        $self->take(0.05) or return 1;
    }

    return 0;
}


sub close ($self) {
    close $self->{fh};
    $self->{closed} = 1;
}


package KafkaSSE::Link::Look {

    use Time::HiRes qw(time);

    sub _message ($self, $type, $n, $in, $pos, $size) {
        die "message of type $type for a look"
            if $type != $type{seen} || $size != 16 || $self->{seen};

        $self->{seen} = $seen[$n];
        $self->{took} = time - $self->{asked};
    }
}


package KafkaSSE::Link::Replay {

    use Time::HiRes qw(time);

    sub _send ($self, @args) {
        my ($type, $n, $body) = @args;
        $self->{link}->_message($type, $self->{number}, $n, $body // '');
        return $self;
    }

    # ask => offset, ...

    sub read ($self, %from) {
        for my $i (keys %from) {
            my $ask = $self->{asks}[$i];
            $ask->{next} = $from{$i};
            delete @$ask{qw(end gone)};
        }

        $self->_send($type{read}, scalar keys %from,
                     join '', map { pack 'LLq', $_, 0, $from{$_} }
                              sort { $a <=> $b } keys %from);

        return $self->credit($self->{auto}) if $self->{auto};
        return $self;
    }

    # all asks from their beginnings

    sub read_all ($self) {
        return $self->read(map { $_ => $self->{offsets}[$_]{low} }
                               0 .. $#{$self->{asks}});
    }

    sub credit ($self, $n) {
        $self->{granted} += $n;
        return $self->_send($type{credit}, $n);
    }

    sub stop ($self, $ask) { $self->_send($type{stop}, $ask) }
    sub close ($self)      { $self->_send($type{close}, 0) }

    sub ended ($self) {
        return !grep { !defined $_->{end} } @{$self->{asks}};
    }

    sub faults ($self) {
        my $n = 0;
        $n += $_->{faults} for @{$self->{asks}};
        return $n;
    }

    sub _message ($self, $type, $n, $in, $pos, $size) {
        return $self->_record($n, $in, $pos, $size)
            if $type == $type{record};

        my $body = substr $$in, $pos + 16, $size - 16;

        if ($type == $type{offsets}) {
            my @q = unpack 'q*', $body;
            die 'OFFSETS of a wrong length' if @q != 3 * $n;

            $self->{turn} = time;
            $self->{offsets} =
                [ map { { low => $q[3 * $_], high => $q[3 * $_ + 1],
                          at => $q[3 * $_ + 2] } } 0 .. $n - 1 ];

        } elsif ($type == $type{end}) {
            my $ask = $self->{asks}[$n];
            $ask->{end} = unpack 'q', $body;
            $ask->{ends}++;
            $ask->{faults}++ if $ask->{end} < $ask->{next};

        } elsif ($type == $type{gone}) {
            $self->{asks}[$n]{gone} = 1;

        } elsif ($type == $type{refused}) {
            $self->{refused} = $n;

        } else {
            die "message of type $type";
        }
    }

    sub _record ($self, $n, $in, $pos, $size) {
        my ($offset, $timestamp, $flags, $key, $value, $headers, $fields) =
            unpack 'x' . ($pos + 16) . ' qqLLLLL', $$in;

        my $ask = $self->{asks}[$n];

        $ask->{faults}++ if $offset < $ask->{next} || $ask->{gone};
        $ask->{first} //= $offset;
        $ask->{next} = $offset + 1;
        $ask->{n}++;

        my $end = $pos + 56;
        $end += $_ for grep { $_ != 0xffffffff } $key, $value, $headers;
        $ask->{fields} = substr $$in, $end, $fields;

        delete $ask->{end};

        $self->{n}++;
        $self->{bytes} += $size;
        $self->{over} = 1
            if $self->{bytes} - $size >= $self->{granted};

        if (my $check = $self->{check}) {
            $check->($self, $ask, $offset, substr($$in, $pos + 56, $key),
                     substr $$in, $pos + 56 + $key, $value)
                or $ask->{faults}++;
        }

        if ($self->{auto}
            && $self->{granted} - $self->{bytes} < $self->{auto} / 2)
        {
            $self->credit($self->{auto} - ($self->{granted}
                                           - $self->{bytes}));
        }
    }
}


1;
