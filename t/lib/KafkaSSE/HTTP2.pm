package KafkaSSE::HTTP2;

# As much of HTTP/2 as one request needs, to read its response as slowly as a
# test wants, which curl does not.  Bytes in, bytes out; no sockets.
#
#     my $h2 = KafkaSSE::HTTP2->new(window => 2000);
#     syswrite $fh, $h2->request('GET', 'https', '/orders', 'Accept: */*');
#     for ($h2->take($bytes)) { my ($what, $value) = @$_; ... }
#     syswrite $fh, $h2->out;
#
# take() returns [ status => 200 ], [ data => bytes ], [ end => 1 ],
# [ reset => code ], [ fault => text ].  The server may send window bytes, and
# as many more as it has sent; ->hold lets it send no more.

use v5.36;

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8, CONTINUATION => 9,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4, PADDED => 8,
};

my @status = (200, 204, 206, 304, 400, 404, 500);       # RFC 7541, appendix A


sub new ($class, %opt) {
    return bless {
        window => 65535,
        in => '', out => '',
        sent => 0,              # bytes of this stream's frames, with heads
        head => 0,              # ... of all but data
        frames => 0,            # of data
        %opt,
    }, $class;
}


sub sent ($self)   { $self->{sent} }
sub head ($self)   { $self->{head} }
sub frames ($self) { $self->{frames} }
sub hold ($self)   { $self->{held} = 1 }

sub out ($self) {
    my $out = $self->{out};
    $self->{out} = '';
    return $out;
}


sub _frame ($type, $flags, $stream, $payload) {
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}


# a literal of HPACK, not Huffman coded; a length with a prefix of seven bits

sub _literal ($text) {
    my $n = length $text;
    return pack('C', $n) . $text if $n < 127;

    my $length = pack 'C', 127;
    for ($n -= 127; $n >= 128; $n >>= 7) { $length .= pack 'C', $n & 127 | 128 }
    return $length . pack('C', $n) . $text;
}


sub request ($self, $method, $scheme, $path, @headers) {
    my $block = $method eq 'GET' ? "\x82" : "\x02" . _literal($method);

    $block .= $scheme eq 'https' ? "\x87" : "\x86";
    $block .= "\x04" . _literal($path) . "\x01" . _literal('localhost');

    for (@headers) {
        my ($name, $value) = /^([^:]+): *(.*)/s;
        $block .= "\0" . _literal(lc $name) . _literal($value);
    }

    my $more = $self->{window} - 65535;

    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
           . _frame(SETTINGS, 0, 0, pack 'nNnN', 2, 0, 4, $self->{window})
           . ($more > 0 ? _frame(WINDOW_UPDATE, 0, 0, pack 'N', $more) : '')
           . _frame(HEADERS, END_STREAM | END_HEADERS, 1, $block);
}


# what to send to let the server send so much more

sub widen ($self, $n) {
    return _frame(WINDOW_UPDATE, 0, 0, pack 'N', $n)
           . _frame(WINDOW_UPDATE, 0, 1, pack 'N', $n);
}

# the client wants no more of it

sub cancel ($self) { _frame(RST_STREAM, 0, 1, pack 'N', 8) }


sub take ($self, $bytes) {
    my @got;

    $self->{in} .= $bytes;

    while (length $self->{in} >= 9) {
        my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $self->{in};
        my $length = $high << 16 | $low;
        last if length $self->{in} < 9 + $length;

        my $payload = substr $self->{in}, 9, $length;
        substr $self->{in}, 0, 9 + $length, '';

        push @got, [ fault => "a frame of $length bytes" ] if $length > 16384;

        if ($stream == 1 && ($type == DATA || $type == HEADERS
                             || $type == CONTINUATION))
        {
            $self->{sent} += 9 + $length;
        }

        push @got, $self->_take($type, $flags, $payload);
    }

    return @got;
}


sub _take ($self, $type, $flags, $payload) {
    my $n = length $payload;
    my @end = ($flags & END_STREAM) ? [ end => 1 ] : ();

    if ($type == DATA) {
        $self->{frames}++;
        $self->{head} += 9;
        $self->{out} .= _frame(WINDOW_UPDATE, 0, 0, pack 'N', $n)
                        . _frame(WINDOW_UPDATE, 0, 1, pack 'N', $n)
            if $n && !$self->{held};

        return ([ fault => 'padding' ]) if $flags & PADDED;
        return ([ data => $payload ], @end);
    }

    if ($type == HEADERS) {
        $self->{head} += 9 + $n;

        # the status is first, but for a change of the table's size

        my $first = unpack 'C', $payload =~ s/^[\x20-\x3f]+//r;
        my $status = $first >= 0x88 && $first <= 0x8e ? $status[$first - 0x88]
                                                      : 0;
        return ([ status => $status ], @end);
    }

    $self->{head} += 9 + $n if $type == CONTINUATION;

    if ($type == SETTINGS && !($flags & ACK)) {
        $self->{out} .= _frame(SETTINGS, ACK, 0, '');

    } elsif ($type == PING && !($flags & ACK)) {
        $self->{out} .= _frame(PING, ACK, 0, $payload);

    } elsif ($type == RST_STREAM) {
        return [ reset => unpack 'N', $payload ];
    }

    return;
}


1;
