package KafkaSSE::SSE;

# A client of an event stream, strict where browsers are lenient.
#
#     my $sse = KafkaSSE::SSE->new(port => $port, path => '/orders');
#     $sse->wait_events(2);
#     is($sse->events->[0]{data}, '...');
#
# Options: method, headers => { }, http => '1.0' | '1.1' | '2', tls => 1,
# last_event_id, reconnect => 1 (after the server's "retry:") or
# reconnect => seconds, on_event => sub ($sse, $event), keep => 0 (of the
# events; on_event has them all).  HTTP/2, and what needs curl_options => [ ],
# is curl's, read through a pipe.
#
# More of how bytes come: gzip => 1 asks for it and takes it apart;
# window => bytes is HTTP/2 of our own, see KafkaSSE::HTTP2, and tls or not;
# ssl => { } goes to IO::Socket::SSL; rcvbuf, ->pause, ->resume and ->sip are
# of a client that reads slowly.  tape => 1 keeps the body as it was before
# transfer and content coding; with keep => 0 nothing else is looked at once
# there is a position.  deaf => 1 looks at nothing from there on: ->heard is how
# many bytes of body came.  ->came is what the server has sent in bytes of
# this response, all of it or its head alone: what nginx calls $bytes_sent.
#
# All streams of a process are driven together, by whoever waits: pump(), or
# the wait_ methods, which call it.
#
# After the end, ->ended is one of
#     done      the response is complete
#     cut       the connection ended before the response did
#     reset     ... with a reset
#     refused   there was no connection
#     closed    by ->close

use v5.36;

use Errno qw(EAGAIN EINTR EWOULDBLOCK EINPROGRESS);
use Exporter 'import';
use IO::Poll qw(POLLIN POLLOUT POLLERR POLLHUP);
use IO::Socket::INET;
use MIME::Base64 ();
use POSIX ':sys_wait_h';
use Socket qw(SOL_SOCKET SO_ERROR SO_RCVBUF);
use Time::HiRes qw(time);
use KafkaSSE::Rig qw(slow json_decode json_encode);

our @EXPORT_OK = qw(pump position position_order);

my %live;           # by descriptor
my %waiting;        # to reconnect, by address of the object


sub new ($class, %opt) {
    my $self = bless {
        host => '127.0.0.1',
        method => 'GET',
        http => '1.1',
        headers => {},
        keep => 1,
        events => [],
        comments => [],
        ids => [],              # of all "id:" fields, bare ones too
        faults => [],           # what a strict client objects to
        last_id => '',
        connects => 0,
        endings => [],
        %opt,
    }, $class;

    $self->{last_id} = $opt{last_event_id} if defined $opt{last_event_id};

    $self->_connect;

    return $self;
}


sub events ($self)   { $self->{events} }
sub comments ($self) { $self->{comments} }
sub ids ($self)      { $self->{ids} }
sub faults ($self)   { $self->{faults} }
sub last_id ($self)  { $self->{last_id} }
sub retry ($self)    { $self->{retry} }
sub status ($self)   { $self->{status} }
sub headers ($self)  { $self->{got_headers} // {} }
sub body ($self)     { $self->{body} }
sub ended ($self)    { $self->{ended} }
sub endings ($self)  { $self->{endings} }
sub connects ($self) { $self->{connects} }
sub tape ($self)     { $self->{taped} }
sub heard ($self)    { $self->{heard} // 0 }
sub pieces ($self)   { $self->{h2} ? $self->{h2}->frames : $self->{pieces} }

sub came ($self) {
    return $self->{h2} ? { all => $self->{h2}->sent, head => $self->{h2}->head }
                       : { all => $self->{came}, head => $self->{came_head} };
}

sub header ($self, $name) { $self->headers->{lc $name} }
sub json ($self) { eval { json_decode($self->{body}) } }


# The events that are records, without the server's own; the data of each
# decoded when it is JSON and "envelope" was asked for.

sub records ($self, %opt) {
    my @records = grep { $_->{event} !~ /^(?:stream-|snapshot-end$)/ }
                       @{$self->{events}};

    return @records if !$opt{envelope};

    return map { json_decode($_->{data}) } @records;
}


# Drives all streams until the condition holds, and returns its value; dies,
# naming what was waited for, when the time is over.

sub pump ($seconds, $what, $condition) {
    my $deadline = time + $seconds * slow();

    for ( ;; ) {
        my $value = $condition->();
        return $value if $value;

        my $now = time;

        if ($now > $deadline) {
            require Carp;
            Carp::croak("waited $seconds s in vain: $what");
        }

        for my $self (values %waiting) {
            next if $self->{due} > $now;
            delete $waiting{0 + $self};
            $self->_connect;
        }

        my @mask = map { ($_, $live{$_}{want}) } keys %live;

        if (!@mask) {
            Time::HiRes::sleep(0.01);
            next;
        }

        IO::Poll::_poll(20, @mask);

        while (my ($fd, $got) = splice @mask, 0, 2) {
            my $self = $live{$fd};
            $self->_ready if $self && $got;
        }
    }
}


sub wait_for ($self, $seconds, $what, $condition) {
    my $value = eval { pump($seconds, $what, $condition) };
    return $value if $value;

    my $why = $@;
    $why =~ s/ at \S+ line \d+\.?$//;
    require Carp;
    Carp::croak("$why\n" . $self->describe . "\n"
                . ($self->{node} ? $self->{node}->errors : ''));
}


sub wait_headers ($self, $seconds = 10) {
    $self->wait_for($seconds, 'the response', sub {
        $self->{got_headers} || $self->{ended};
    });
    return $self;
}


sub wait_events ($self, $n, $seconds = 15) {
    $self->wait_for($seconds, "$n events", sub { @{$self->{events}} >= $n });
    return $self;
}


sub wait_records ($self, $n, $seconds = 15) {
    $self->wait_for($seconds, "$n records", sub { $self->records >= $n });
    return $self;
}


# the stream knows its position: from now on nothing is missed

sub wait_position ($self, $seconds = 20) {
    $self->wait_for($seconds, 'a position', sub {
        $self->{ended} && !$self->{reconnect} || @{$self->{ids}} > 0;
    });
    return $self;
}


sub wait_end ($self, $seconds = 15) {
    $self->wait_for($seconds, 'the end', sub { $self->{ended} });
    return $self->{ended};
}


# what the stream has seen, for a failure's message

sub describe ($self) {
    my @events = @{$self->{events}};
    my $n = @events;
    @events = @events[-5 .. -1] if $n > 5;

    my $text = "$self->{method} $self->{path} (HTTP/$self->{http}): "
             . "status " . ($self->{status} // 'none')
             . ", $self->{connects} connects, ended "
             . ($self->{ended} // 'no') . ", retry "
             . ($self->{retry} // 'none') . ", "
             . @{$self->{comments}} . " comments, " . @{$self->{ids}}
             . " ids, $n events";

    for my $event (@events) {
        my $shown = substr $event->{data}, 0, 200;
        $text .= "\n    $event->{event} ($event->{id}): $shown";
    }

    $text .= "\n    fault: $_" for @{$self->{faults}};
    $text .= "\n    body: " . substr $self->{body}, 0, 300
        if ($self->{status} // 200) != 200;

    return $text;
}


sub close ($self) {
    $self->{reconnect} = undef;
    delete $waiting{0 + $self};
    $self->_end('closed') if $self->{fh};
}


# Closes all that are open, where a test has lost sight of them.

sub close_all { $_->close for values %live, values %waiting }


sub DESTROY ($self) {
    $self->close if !${^GLOBAL_PHASE} || ${^GLOBAL_PHASE} ne 'DESTRUCT';
}


sub _connect ($self) {
    @$self{qw(in line data event_name id body taped)} = ('') x 7;
    @$self{qw(has_data has_id skip_lf came came_head pieces)} = (0) x 6;
    @$self{qw(got_headers status ended chunk left h2 inflate)} = ();
    $self->{bom} = 1;
    $self->{connects}++;
    $self->{began} = time;

    return $self->_connect_curl
        if $self->{http} eq '2' && !$self->{window} || $self->{curl_options};

    if ($self->{window}) {
        require KafkaSSE::HTTP2;
        $self->{h2} = KafkaSSE::HTTP2->new(window => $self->{window});
    }

    my $fh = IO::Socket::INET->new(PeerAddr => $self->{host},
                                   PeerPort => $self->{port},
                                   Proto => 'tcp', Blocking => 0);

    if (!$fh) {
        return $self->_end('refused');
    }

    # a client that reads slowly: the kernel's buffer is set before the window

    setsockopt $fh, SOL_SOCKET, SO_RCVBUF, $self->{rcvbuf} if $self->{rcvbuf};

    $self->{fh} = $fh;
    $self->{state} = 'connect';
    $self->{want} = POLLOUT;
    $live{fileno $fh} = $self;
}


sub _request_headers ($self) {
    my %headers = (Host => 'localhost', Accept => 'text/event-stream',
                   %{$self->{headers}});

    $headers{'Last-Event-ID'} = $self->{last_id} if $self->{last_id} ne '';
    $headers{'Accept-Encoding'} = 'gzip' if $self->{gzip};

    return map { "$_: $headers{$_}" }
           grep { defined $headers{$_} } sort keys %headers;
}


sub _connect_curl ($self) {
    my $scheme = $self->{tls} ? 'https' : 'http';
    my @cmd = ('curl', '-q', '-sNik', '--max-time', 600,
               $self->{http} ne '2' ? '--http1.1'
               : $self->{tls}       ? '--http2' : '--http2-prior-knowledge',
               @{$self->{curl_options} // []},
               $self->{method} eq 'HEAD' ? '-I' : ('-X', $self->{method}),
               (map { ('-H', $_) } grep { !/^Host:/ } $self->_request_headers),
               "$scheme://$self->{host}:$self->{port}$self->{path}");

    my $pid = open my $fh, '-|' // die "fork: $!";

    if ($pid == 0) {
        setpgrp;
        exec { $cmd[0] } @cmd or POSIX::_exit(127);
    }

    $fh->blocking(0);

    $self->{fh} = $fh;
    $self->{curl} = $pid;
    $self->{state} = 'read';
    $self->{want} = POLLIN;
    $live{fileno $fh} = $self;
}


sub _ready ($self) {
    if ($self->{state} eq 'connect') {
        my $err = unpack 'i', getsockopt $self->{fh}, SOL_SOCKET, SO_ERROR;
        return $self->_end('refused') if $err;

        if ($self->{tls}) {
            require IO::Socket::SSL;
            delete $live{fileno $self->{fh}};
            $self->{fh} = IO::Socket::SSL->start_SSL(
                $self->{fh}, SSL_startHandshake => 0, SSL_verify_mode => 0,
                SSL_hostname => 'localhost',
                $self->{h2} ? (SSL_alpn_protocols => [ 'h2' ]) : (),
                %{$self->{ssl} // {}}) // die "TLS: $!";
            $live{fileno $self->{fh}} = $self;
            $self->{state} = 'tls';

        } else {
            $self->{state} = 'send';
        }
    }

    if ($self->{state} eq 'tls') {
        if (!$self->{fh}->connect_SSL) {
            return $self->_tls_want;
        }

        $self->{state} = 'send';
    }

    if ($self->{state} eq 'send') {
        my @headers = $self->_request_headers;
        my $request = $self->{h2}
            ? $self->{h2}->request($self->{method},
                                   $self->{tls} ? 'https' : 'http',
                                   $self->{path},
                                   grep { !/^Host:/ } @headers)
            : join "\r\n", "$self->{method} $self->{path} HTTP/$self->{http}",
                   @headers, '', $self->{send_body} // '';

        syswrite $self->{fh}, $request;

        $self->{state} = 'read';
        $self->{want} = POLLIN;
        return;
    }

    for (1 .. 16) {
        my $n = $self->_read(262144);
        return if !$n || !$self->{fh} || $self->{paused};
    }
}


# the bytes that came, 0 if there are none, or there will be no more

sub _read ($self, $most) {
    my $n = sysread $self->{fh}, $self->{in}, $most, length $self->{in};

    if (!defined $n) {
        return 0 if $! == EINTR;

        if ($self->{tls} && !$self->{curl}) {
            $self->_tls_want;

        } elsif ($! != EAGAIN && $! != EWOULDBLOCK) {
            $self->_end('reset');
        }

        return 0;
    }

    if ($n == 0) {
        $self->_eof;
        return 0;
    }

    $self->{first_byte} //= time;
    $self->{came} += $n;
    $self->_take;

    return $n;
}


# pausing => a client that does not read

sub pause ($self) { $self->{paused} = 1; $self->{want} = 0 }

# TLS may have something that poll() knows nothing of

sub resume ($self) {
    $self->{paused} = 0;
    $self->{want} = POLLIN;
    $self->_ready if $self->{fh} && $self->{state} eq 'read';
}

# a client that is paused takes so many bytes, if there are any

sub sip ($self, $bytes) {
    my $n = $self->{fh} ? $self->_read($bytes) : 0;
    $self->{want} = 0 if $self->{fh} && $self->{paused};
    return $n;
}


sub _tls_want ($self) {
    my $err = $IO::Socket::SSL::SSL_ERROR;

    if ($err == IO::Socket::SSL::SSL_WANT_READ()) {
        $self->{want} = POLLIN;

    } elsif ($err == IO::Socket::SSL::SSL_WANT_WRITE()) {
        $self->{want} = POLLOUT;

    } else {
        $self->_end($self->{state} eq 'tls' ? 'refused' : 'reset');
    }
}


sub _eof ($self) {
    if ($self->{curl}) {
        my $pid = delete $self->{curl};
        waitpid $pid, 0;
        $self->{curl_status} = $? >> 8;
        return $self->_end(!$self->{got_headers} ? 'refused'
                           : $? == 0 ? 'done' : 'cut');
    }

    return $self->_end('cut') if !$self->{got_headers};
    return $self->_end('done')
        if !$self->{chunked} && !defined $self->{length};

    $self->{cut_chunk} = 1 if $self->{chunked} && $self->{chunk} ne 'size';
    $self->_end('cut');
}


sub _end ($self, $how) {
    if ($self->{fh}) {
        delete $live{fileno $self->{fh}};

        if (my $pid = delete $self->{curl}) {
            kill TERM => $pid;
            CORE::close $self->{fh};        # waits for curl
        } else {
            CORE::close $self->{fh};
        }
    }

    $self->{fh} = undef;
    $self->{ended} = $how;
    $self->{end_time} = time;
    push @{$self->{endings}}, $how;

    if (defined $self->{reconnect} && $how ne 'closed') {
        $self->{due} = time + ($self->{reconnect} eq '1'
                               ? ($self->{retry} // 3000) / 1000
                               : $self->{reconnect});
        $waiting{0 + $self} = $self;
    }
}


sub _fault ($self, $what) { push @{$self->{faults}}, $what }


sub _take ($self) {
    return $self->_take_http2 if $self->{h2};

    if (!$self->{got_headers}) {
        my $at = index $self->{in}, "\r\n\r\n";
        return if $at < 0;

        my $head = substr $self->{in}, 0, $at + 4, '';

        # curl shows an interim response, too

        return $self->_take if $head =~ m{^HTTP/\S+ 1\d\d};

        my ($status_line, @lines) = split /\r\n/, $head;

        if ($status_line !~ m{^HTTP/(\S+) (\d{3})(?: |$)}) {
            $self->_fault("not a status line: $status_line");
        }

        ($self->{version}, $self->{status}) = ($1, $2);
        $self->{raw_headers} = $head;
        $self->{came_head} = length $head;

        my %got;
        for (@lines) {
            /^([^:\s]+):[ \t]*(.*?)[ \t]*$/
                or $self->_fault("not a header: $_"), next;
            my $name = lc $1;
            $got{$name} = defined $got{$name} ? "$got{$name}, $2" : $2;
        }

        $self->{got_headers} = \%got;
        $self->{chunked} = lc($got{'transfer-encoding'} // '') eq 'chunked';
        $self->{chunk} = 'size';
        $self->{length} = $self->{chunked} ? undef : $got{'content-length'};
        $self->{stream} = ($got{'content-type'} // '')
                          =~ m{^text/event-stream};

        if ($self->{method} eq 'HEAD' || $self->{status} == 204) {
            $self->_fault('a body after HEAD or 204') if $self->{in} ne '';
            return $self->_end('done') if !$self->{curl};
        }
    }

    if ($self->{curl}) {
        $self->_body(\$self->{in});
        $self->{in} = '';
        return;
    }

    return $self->_take_chunks if $self->{chunked};

    $self->{pieces}++ if $self->{in} ne '';

    my $n = length $self->{in};
    my $in = $self->{in};
    $self->{in} = '';
    $self->_body(\$in);

    if (defined $self->{length} && ($self->{length} -= $n) <= 0) {
        $self->_fault('bytes after the body') if $self->{length} < 0;
        $self->_end('done');
    }
}


sub _take_chunks ($self) {
    my $in = \$self->{in};

    while (length $$in && $self->{fh}) {

        if ($self->{chunk} eq 'size') {
            my $at = index $$in, "\n";
            return if $at < 0;

            my $line = substr $$in, 0, $at + 1, '';
            $self->_fault("bad chunk size: $line")
                if $line !~ /^[0-9a-fA-F]+\r\n\z/;

            $self->{left} = hex($line =~ s/[^0-9a-fA-F].*//sr);
            $self->{pieces}++;
            $self->{chunk} = $self->{left} ? 'data' : 'trailer';

        } elsif ($self->{chunk} eq 'data') {
            my $data = substr $$in, 0, $self->{left}, '';
            $self->{left} -= length $data;
            $self->{chunk} = 'crlf' if !$self->{left};
            $self->_body(\$data);

        } else {
            return if length $$in < 2;

            my $crlf = substr $$in, 0, 2, '';
            $self->_fault('no CR LF after a chunk') if $crlf ne "\r\n";

            if ($self->{chunk} eq 'trailer') {
                $self->_fault('bytes after the last chunk') if length $$in;
                return $self->_end('done');
            }

            $self->{chunk} = 'size';
        }
    }
}


sub _take_http2 ($self) {
    my @got = $self->{h2}->take($self->{in});
    $self->{in} = '';

    syswrite $self->{fh}, $self->{h2}->out;

    for (@got) {
        my ($what, $value) = @$_;

        if ($what eq 'status') {
            @$self{qw(version status got_headers)} = ('2', $value, {});
            $self->{stream} = $value == 200;

        } elsif ($what eq 'data') {
            $self->_fault('a body after HEAD') if $self->{method} eq 'HEAD';
            $self->_body(\$value);

        } elsif ($what eq 'fault') {
            $self->_fault($value);

        } else {
            return $self->_end($what eq 'end' ? 'done' : 'reset');
        }
    }
}


# What a compressor had before it; all that came can be had at once.

sub _inflate ($self, $bytes) {
    require Compress::Raw::Zlib;

    $self->{inflate} //= Compress::Raw::Zlib::Inflate->new(
        -WindowBits => Compress::Raw::Zlib::WANT_GZIP(), -AppendOutput => 0,
        -ConsumeInput => 1);

    my $plain;
    my $status = $self->{inflate}->inflate($$bytes, $plain);

    $self->_fault("gzip: $status")
        if $status != Compress::Raw::Zlib::Z_OK()
           && $status != Compress::Raw::Zlib::Z_STREAM_END()
           && $status != Compress::Raw::Zlib::Z_BUF_ERROR();

    return \$plain;
}


# The event stream, as the HTML Standard interprets it (9.2.6).

sub _body ($self, $bytes) {
    $bytes = $self->_inflate($bytes)
        if $self->{gzip}
           && ($self->{h2}
               || ($self->header('content-encoding') // '') eq 'gzip');

    if ($self->{deaf} && @{$self->{ids}}) {
        $self->{heard} += length $$bytes;
        return;
    }

    if ($self->{tape}) {
        $self->{taped} .= $$bytes;
        return if !$self->{keep} && @{$self->{ids}};
    }

    if (!$self->{stream}) {
        $self->{body} .= $$bytes;
        return;
    }

    $self->{first_body} //= time;

    # A long line is looked at when it is complete, not with each of its parts:
    # that would keep this process from the streams beside this one.

    if (!$self->{bom} && !$self->{skip_lf} && $$bytes !~ tr/\r\n//) {
        $self->{line} .= $$bytes;
        return;
    }

    my $buf = $self->{line} . $$bytes;

    if ($self->{bom} && length $buf >= 3) {
        $buf =~ s/^\xef\xbb\xbf//;
        $self->{bom} = 0;
    }

    if ($self->{skip_lf} && $buf ne '') {
        $buf =~ s/^\n//;
        $self->{skip_lf} = 0;
    }

    my $end = 0;

    while ($buf =~ /\G([^\r\n]*)(\r\n|\r|\n)/gc) {
        $end = pos $buf;
        my ($line, $eol) = ($1, $2);

        $self->{skip_lf} = 1 if $eol eq "\r" && $end == length $buf;
        $self->_line($line);

        return if !$self->{fh};
    }

    $self->{line} = substr $buf, $end;
}


sub _line ($self, $line) {
    return $self->_dispatch if $line eq '';

    if ($line =~ /^:(.*)/s) {
        push @{$self->{comments}}, $1;
        $self->{comment_time} = time;
        return;
    }

    my ($name, $value) = $line =~ /^([^:]*)(?::\ ?(.*))?\z/s;
    $value //= '';

    if ($name eq 'data') {
        $self->{data} .= "$value\n";
        $self->{has_data} = 1;

    } elsif ($name eq 'event') {
        $self->{event_name} = $value;

    } elsif ($name eq 'id') {
        if ($value =~ /\0/) {
            $self->_fault('NUL in an id');
        } else {
            $self->{id} = $value;
            $self->{has_id} = 1;
        }

    } elsif ($name eq 'retry') {
        if ($value =~ /^[0-9]+\z/) {
            $self->{retry} = $value;
        } else {
            $self->_fault("retry: $value");
        }

    } else {
        $self->_fault("unknown field: $line");
    }
}


sub _dispatch ($self) {

    # an id counts from here on only: a client whose connection is cut in the
    # middle of an event has not had that event

    if ($self->{has_id}) {
        $self->{last_id} = $self->{id};
        push @{$self->{ids}}, $self->{id};
    }

    my $event = {
        id => $self->{last_id},
        has_id => $self->{has_id},
        event => $self->{event_name} eq '' ? 'message' : $self->{event_name},
        data => $self->{data} =~ s/\n\z//r,
        time => time,
    };

    my $has_data = $self->{has_data};

    @$self{qw(data event_name)} = ('', '');
    @$self{qw(has_data has_id)} = (0, 0);

    # without data nothing is dispatched, but the id counts

    return if !$has_data;

    my $text = $event->{data};
    $self->_fault("not UTF-8: $text") if !utf8::decode($text);

    push @{$self->{events}}, $event if $self->{keep};
    $self->{on_event}->($self, $event) if $self->{on_event};
}


# What an id says, see src/worker/ngx_kafka_sse_position.h: a list of
# [ tag, next offset of partition 0, of 1, ... ].  Undef if it is malformed.

sub position ($id) {
    $id =~ /^1\.([A-Za-z0-9_-]*)\z/ or return undef;

    my @bytes = unpack 'C*', MIME::Base64::decode_base64url($1);
    my @topics;

    my $varint = sub {
        my ($value, $shift) = (0, 0);

        for ( ;; ) {
            my $byte = shift(@bytes) // return undef;
            $value |= ($byte & 0x7f) << $shift;
            $shift += 7;
            return $value if $byte < 0x80;
        }
    };

    while (@bytes) {
        return undef if @bytes < 5;

        my $tag = unpack 'H*', pack 'C*', splice @bytes, 0, 4;
        my $n = $varint->() || return undef;
        my @next = map { $varint->() } 1 .. $n;

        return undef if grep { !defined } @next;

        push @topics, [ $tag, @next ];
    }

    return \@topics;
}


# How the second of two ids lies to the first: same, after, before, mixed.

sub position_order ($first, $second) {
    my %first = map { my ($tag, @next) = @$_; ($tag => \@next) }
                    @{position($first) // return 'bad'};
    my ($ahead, $behind) = (0, 0);

    for (@{position($second) // return 'bad'}) {
        my ($tag, @next) = @$_;
        my $old = $first{$tag} // [];

        for my $i (0 .. $#next) {
            my $d = $next[$i] - ($old->[$i] // -1);
            $ahead ||= $d > 0;
            $behind ||= $d < 0;
        }
    }

    return $ahead ? $behind ? 'mixed' : 'after' : $behind ? 'before' : 'same';
}


1;
