package KafkaSSE::Token;

# JSON Web Tokens of each alg, good ones and bad ones, and a matrix of cases.
#
#     my $tokens = KafkaSSE::Token->new;
#     my $token = $tokens->token('ES256', { sub => 'alice' }, kid => 'e1');
#     spew($file, $tokens->jwks);
#
# Keys are made by the openssl program, in a directory of the test's; it signs,
# too, but for HS.  Of each case of ->cases there are
#
#     name    what it is
#     ring    which of ->rings the token is tried with: its text (a key file),
#             algs, and what else the location says
#     token   bytes, or a sub that makes them of the time at which it is called
#     good    1: accepted, 0: refused
#     why     words for that
#     late    1: refused by its claims' values, which are not looked at by who
#             verifies and reads
#     http    0: as a header's value it is another token, or none

use v5.36;

use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512 sha256);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use KafkaSSE::Rig qw(slurp spew tempdir);

my %kind = (HS => 'secret', RS => 'rsa', PS => 'rsa', Ed => 'ed25519',
            ES256 => 'p256', ES384 => 'p384', ES512 => 'p521');

my %half = (ES256 => 32, ES384 => 48, ES512 => 66);

our @ALGS = ((map { my $kind = $_; map { "$kind$_" } 256, 384, 512 }
              qw(HS RS PS ES)), 'EdDSA');


sub new ($class) {
    my $self = bless { dir => tempdir(), made => {} }, $class;

    $self->{secret} = 'a secret of 64 bytes, as HS512 wants: '
                      . '01234567890123456789012345';

    return $self;
}


# The file of a private key: rsa, rsa2, p256, p384, p521, secp256k1, ed25519,
# ed448, and anything of these with a name behind it: p256-other.

sub key ($self, $name) {
    my $file = "$self->{dir}/$name.pem";

    return $file if $self->{made}{$name}++;

    my ($kind) = $name =~ /^([a-z0-9]+)/;
    $kind =~ s/^rsa\d$/rsa/;

    my %option = (
        rsa => '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
        ed25519 => '-algorithm ED25519',
        ed448 => '-algorithm ED448',
        p256 => '-algorithm EC -pkeyopt ec_paramgen_curve:P-256',
        p384 => '-algorithm EC -pkeyopt ec_paramgen_curve:P-384',
        p521 => '-algorithm EC -pkeyopt ec_paramgen_curve:P-521',
        secp256k1 => '-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1',
    );

    openssl("genpkey $option{$kind} -out $file");

    return $file;
}


sub openssl ($command) {
    my $out = `openssl $command 2>&1`;
    die "openssl $command: $out" if $?;
    return $out;
}


# The public key as text, and as bytes of DER.

sub pem ($self, $name) {
    return $self->{pem}{$name} //= openssl('pkey -pubout -in '
                                           . $self->key($name));
}


sub der ($self, $name) {
    my $pem = $self->pem($name);
    $pem =~ s/-----[^\n]*\n//g;
    return MIME::Base64::decode_base64($pem);
}


# A JWK is a hash; more of its members can be said.

sub jwk ($self, $name, %more) {
    return { kty => 'oct', k => b64($self->{secret}), %more }
        if $name eq 'secret';

    my $der = $self->der($name);

    return { kty => 'OKP', crv => $1 eq '25519' ? 'Ed25519' : 'Ed448',
             x => b64(substr $der, $1 eq '25519' ? -32 : -57), %more }
        if $name =~ /^ed(\d+)/;

    if ($name =~ /^p(\d+)/) {
        my $n = int(($1 + 7) / 8);
        return { kty => 'EC', crv => "P-$1",
                 x => b64(substr $der, -2 * $n, $n),
                 y => b64(substr $der, -$n), %more };
    }

    my ($n) = openssl('rsa -noout -modulus -in ' . $self->key($name))
              =~ /=([0-9A-F]+)/;

    return { kty => 'RSA', n => b64(pack 'H*', $n), e => 'AQAB', %more };
}


sub jwks ($self, @keys) {
    return json({ keys => \@keys });
}


sub json ($value) {
    return JSON::PP->new->utf8->canonical->allow_nonref->encode($value);
}


sub b64 ($bytes) {
    my $text = encode_base64($bytes, '');
    $text =~ tr{+/=}{-_}d;
    return $text;
}


sub unb64 ($text) {
    $text =~ tr{-_}{+/};
    return MIME::Base64::decode_base64($text);
}


# A signature of an alg over bytes, by the usual key of the alg or another one.

sub sign ($self, $alg, $input, $key = undef) {
    my ($kind, $bits) = $alg =~ /^(..)(\d*)/;

    if ($kind eq 'HS') {
        my %hmac = (256 => \&hmac_sha256, 384 => \&hmac_sha384,
                    512 => \&hmac_sha512);
        return $hmac{$bits}->($input, $key // $self->{secret});
    }

    $key //= $kind{$alg} // $kind{$kind};

    my $file = $self->key($key);
    my ($in, $out) = map { "$self->{dir}/$_" } qw(input signature);

    spew($in, $input);

    if ($kind eq 'Ed') {
        openssl("pkeyutl -sign -rawin -inkey $file -in $in -out $out");
        return slurp($out);
    }

    my $option = $kind eq 'PS' ? '-sigopt rsa_padding_mode:pss '
                                 . '-sigopt rsa_pss_saltlen:digest' : '';

    openssl("dgst -sha$bits -sign $file $option -out $out $in");

    return slurp($out) if $kind ne 'ES';
    return raw_signature(slurp($out), $half{$alg});
}


# r and s of a DER SEQUENCE, as long as the alg wants them

sub raw_signature ($der, $half) {
    my $at = ord(substr $der, 1, 1) & 0x80 ? 3 : 2;
    my $raw = '';

    for (1, 2) {
        my $len = ord substr $der, $at + 1, 1;
        my $int = substr $der, $at + 2, $len;
        $int =~ s/^\0+//;
        $raw .= ("\0" x ($half - length $int)) . $int;
        $at += 2 + $len;
    }

    return $raw;
}


# A token; header and payload may be bytes instead of hashes.  Options: kid and
# other members of the header, key => name (for HS: the secret itself), header
# => bytes, signed => an alg that signs instead of the header's.

sub token ($self, $alg, $claims, %header) {
    my $key = delete $header{key};
    my $signed = delete($header{signed}) // $alg;
    my $header = delete($header{header}) // json({ alg => $alg, %header });
    my $payload = ref $claims ? json($claims) : $claims;
    my $input = b64($header) . '.' . b64($payload);

    return $input . '.' . b64($self->sign($signed, $input, $key));
}


# The key files, and what may be done with them.  "require" and "leeway" are for
# the directives of these names.

sub rings ($self) {
    my @all = ($self->jwk('rsa', kid => 'r1'), $self->jwk('p256', kid => 'e1'),
               $self->jwk('p384', kid => 'e2'), $self->jwk('p521', kid => 'e3'),
               $self->jwk('ed25519', kid => 'd1'),
               $self->jwk('ed448', kid => 'd2'),
               $self->jwk('secret', kid => 'h1'));

    my %hs = (text => "$self->{secret}\n", algs => 'HS256');

    return $self->{rings} //= {
        all => { text => $self->jwks(@all), algs => join(',', @ALGS) },
        hs => \%hs,
        leeway => { %hs, leeway => '10s' },
        iss => { %hs, require => 'iss=https://idp.example/' },
        aud => { %hs, require => 'aud=orders' },
        scope => { %hs, require => 'scope=read' },
        role => { %hs, require => 'realm_access.roles=admin' },
        hs512 => { text => $self->{secret}, algs => 'HS512' },
        rs256 => { text => $self->pem('rsa'), algs => 'RS256' },
        rsa => { text => $self->pem('rsa'), algs => join(',', @ALGS) },
        ec => { text => $self->pem('p256'), algs => join(',', @ALGS) },
        ed => { text => $self->pem('ed25519'), algs => join(',', @ALGS) },
        jwk => { text => json($self->jwk('rsa')), algs => join(',', @ALGS) },
        pinned => { text => $self->jwks(
                        $self->jwk('rsa', kid => 'p', alg => 'PS256'),
                        $self->jwk('p256', kid => 'enc', use => 'enc'),
                        $self->jwk('p384', kid => 'ops',
                                   key_ops => ['sign']),
                        $self->jwk('ed25519', kid => 'sig', use => 'sig',
                                   key_ops => ['verify'])),
                    algs => join(',', @ALGS) },
        rotated => { text => $self->jwks($self->jwk('rsa', kid => 'new'),
                                         $self->jwk('rsa2', kid => 'old'),
                                         $self->jwk('p256', kid => 'new'),
                                         $self->jwk('p384')),
                     algs => 'RS256,ES256,ES384' },
    };
}


# The matrix.  What is signed here by HS256 and the ring "hs" could be any alg:
# it is what comes after a good signature, or before one is looked at.

sub cases ($self) {
    return @{$self->{cases}} if $self->{cases};

    $self->{cases} = [];

    for my $part (qw(algs other_algs alg_values confusion kids own_keys
                     critical twice headers payloads digits parts sizes times
                     claims audience issuers rights types pinned rotation)) {
        my $method = "_cases_$part";
        $self->$method;
    }

    return @{$self->{cases}};
}


sub _add ($self, $name, $ring, $token, $good, $why, %more) {
    push @{$self->{cases}}, { name => $name, ring => $ring, token => $token,
                              good => $good, why => $why, %more };
}


my %claims = (sub => 'alice', exp => 4102444800);


# good for HS256, of a header and a payload as they are

sub _hs ($self, $header, $payload = json(\%claims)) {
    return $self->token('HS256', $payload,
                        header => $header // '{"alg":"HS256"}');
}


sub _header ($self, $name, $header, $good, $why, $ring = 'hs') {
    $self->_add("header: $name", $ring, $self->_hs($header), $good, $why);
}


sub _payload ($self, $name, $payload, $good, $why, %more) {
    $self->_add("payload: $name", $more{ring} // 'hs',
                $self->_hs(undef, $payload), $good, $why, %more);
}


sub _cases_algs ($self) {
    for my $alg (@ALGS) {
        my $good = $self->token($alg, \%claims);
        my ($header, $payload, $signature) = split /\./, $good;
        my $bytes = unb64($signature);
        my $flipped = $bytes;

        substr($flipped, 3, 1) ^.= "\x10";

        $self->_add("$alg", 'all', $good, 1, 'a good signature');
        $self->_add("$alg, a bit of the signature is another", 'all',
                    "$header.$payload." . b64($flipped), 0, 'signature');
        $self->_add("$alg, a payload of another token", 'all',
                    "$header." . b64('{"sub":"root"}') . ".$signature", 0,
                    'signature');
        $self->_add("$alg, a header of another token", 'all',
                    b64(json({ alg => $alg, typ => 'x' }))
                    . ".$payload.$signature", 0, 'signature');
        $self->_add("$alg, no signature", 'all', "$header.$payload.", 0,
                    'three parts');
        $self->_add("$alg, two parts", 'all', "$header.$payload", 0,
                    'three parts');
        $self->_add("$alg, the signature less a byte", 'all',
                    "$header.$payload." . b64(substr $bytes, 0, -1), 0,
                    'signature');
        $self->_add("$alg, the signature and a byte", 'all',
                    "$header.$payload." . b64("$bytes\0"), 0, 'signature');
        $self->_add("$alg, zeros", 'all', "$header.$payload."
                    . b64("\0" x length $bytes), 0, 'signature');
        $self->_add("$alg, padded", 'all', $good . '=', 0, 'base64url');
    }

    $self->_add('EdDSA, Ed448', 'all',
                $self->token('EdDSA', \%claims, key => 'ed448'), 1,
                'a good signature');

    for my $alg (sort keys %half) {
        my $input = b64(json({ alg => $alg })) . '.' . b64(json(\%claims));
        my $der = "\x30\x06\x02\x01\x01\x02\x01\x01";

        $self->_add("$alg, (0, 0)", 'all', "$input."
                    . b64("\0" x (2 * $half{$alg})), 0, 'signature');
        $self->_add("$alg, (1, 1)", 'all', "$input."
                    . b64(join '', ("\0" x ($half{$alg} - 1) . "\1") x 2), 0,
                    'signature');
        $self->_add("$alg, DER", 'all', "$input." . b64($der), 0,
                    'signature');
    }

    for my $curve (qw(p384 p521 secp256k1)) {
        my $input = b64('{"alg":"ES256"}') . '.' . b64(json(\%claims));
        my $file = "$self->{dir}/input";

        spew($file, $input);
        openssl("dgst -sha256 -sign " . $self->key($curve)
                . " -out $file.sig $file");

        my $len = $curve eq 'p384' ? 48 : $curve eq 'p521' ? 66 : 32;
        $self->_add("ES256 by a key of $curve", 'all', "$input."
                    . b64(raw_signature(slurp("$file.sig"), $len)), 0,
                    'the curve is not the alg\'s');
    }
}


# each alg's signature under the name of each other

sub _cases_other_algs ($self) {
    for my $signed (@ALGS) {
        for my $said (@ALGS) {
            next if $signed eq $said;
            $self->_add("$signed under the name of $said", 'all',
                        $self->token($said, \%claims, signed => $signed), 0,
                        'signature');
        }
    }

    for my $alg (@ALGS) {
        next if $alg eq 'HS256';
        $self->_add("$alg where HS256 alone is allowed", 'hs',
                    $self->token($alg, \%claims), 0, 'not allowed');
    }
}


sub _cases_alg_values ($self) {
    my %good = (empty => '', zero => b64("\0"),
                hs => b64($self->sign('HS256', 'x')));

    for my $alg (qw(none None NONE nOnE), '', ' ', 'none ', "none\0") {
        for my $with (sort keys %good) {
            my $input = b64(json({ alg => $alg, typ => 'JWT' })) . '.'
                        . b64(json(\%claims));
            $self->_add('alg "' . ($alg =~ s/\0/NUL/r) . "\", signature $with",
                        'all', "$input.$good{$with}", 0, 'no alg');
        }

        $self->_header('alg "' . ($alg =~ s/\0/NUL/r) . '" over HS256',
                       json({ alg => $alg }), 0, 'no alg', 'all');
    }

    my %value = (
        'lower case' => '"hs256"', 'mixed case' => '"Hs256"',
        'a space behind' => '"HS256 "', 'a space before' => '" HS256"',
        'a NUL behind' => '"HS256\u0000"', 'a number' => '256',
        'null' => 'null', 'true' => 'true', 'an array' => '["HS256"]',
        'an object' => '{"HS256":"HS256"}', 'two' => '"HS256,RS256"',
        'a star' => '"*"', 'HS1' => '"HS1"', 'RS1' => '"RS1"',
        'ES256K' => '"ES256K"', 'dir' => '"dir"',
        'PBES2' => '"PBES2-HS256+A128KW"', 'SHA256' => '"SHA256"',
        'a URI' => '"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"',
        'a long one' => '"' . 'HS256' x 200 . '"',
    );

    for my $name (sort keys %value) {
        $self->_header("alg is $name", "{\"alg\":$value{$name}}", 0, 'no alg',
                       'all');
    }

    $self->_header('no alg', '{"typ":"JWT"}', 0, 'no alg');
    $self->_header('ALG', '{"ALG":"HS256"}', 0, 'no alg');
    $self->_header('alg within another member', '{"x":{"alg":"HS256"}}', 0,
                   'no alg');
    $self->_header('alg with an escape', '{"alg":"\u0048S256"}', 1,
                   'an escape is the character');
    $self->_header('the name of alg with an escape', '{"\u0061lg":"HS256"}',
                   1, 'an escape is the character');
}


# what everybody may know as the secret

sub _cases_confusion ($self) {
    my %public = (
        rsa => [ 'rsa', 'rsa' ], ec => [ 'ec', 'p256' ],
        ed => [ 'ed', 'ed25519' ], jwk => [ 'jwk', 'rsa' ],
        all => [ 'all', 'rsa' ],
    );

    for my $name (sort keys %public) {
        my ($ring, $key) = @{$public{$name}};
        my $pem = $self->pem($key);
        my $base64 = $pem =~ s/-----[^\n]*\n//gr;
        my $text = $self->rings->{$ring}{text};

        my %secret = (
            PEM => $pem, 'PEM without line end' => $pem =~ s/\n$//r,
            'PEM in one line' => $pem =~ s/\n//gr,
            DER => $self->der($key), base64 => $base64 =~ s/\n//gr,
            'the key file' => $text, nothing => '', 'a NUL' => "\0",
        );

        for my $what (sort keys %secret) {
            $self->_add("HS256 keyed with $what of $name", $ring,
                        $self->token('HS256', \%claims, key => $secret{$what}),
                        0, 'a public key is no secret');
        }

        for my $alg (qw(HS384 HS512)) {
            $self->_add("$alg keyed with PEM of $name", $ring,
                        $self->token($alg, \%claims, key => $pem), 0,
                        'a public key is no secret');
        }
    }

    my $jwk = $self->jwk('rsa');
    $self->_add('HS256 keyed with n', 'jwk',
                $self->token('HS256', \%claims, key => unb64($jwk->{n})), 0,
                'a public key is no secret');
    $self->_add('HS256 keyed with the text of n', 'jwk',
                $self->token('HS256', \%claims, key => $jwk->{n}), 0,
                'a public key is no secret');
    $self->_add('HS256 keyed with k in base64url', 'all',
                $self->token('HS256', \%claims, key => b64($self->{secret})),
                0, 'the bytes are the secret');
    $self->_add('HS256 keyed with the secret and its line end', 'hs',
                $self->token('HS256', \%claims, key => "$self->{secret}\n"),
                0, 'the line end is the file\'s');
}


sub _cases_kids ($self) {
    my %none = (
        'path' => '../../../../dev/null', 'absolute path' => '/dev/null',
        'key file' => 'all', 'SQL' => "x' UNION SELECT 'secret' --",
        'shell' => '$(id)', 'pipe' => '|id', 'NUL' => "h1\0",
        'path with NUL' => "../h1\0.pem", 'URL' => 'http://127.0.0.1/key',
        'LDAP' => '*)(uid=*', 'format' => '%s%n%V%p', 'LF' => "h1\n",
        'case' => 'H1', 'space' => ' h1', 'empty' => '',
        'unknown' => 'nobody', '256 bytes' => 'k' x 256,
        'UTF-8' => "\x{43}\x{14d}", 'prefix' => 'h', 'longer' => 'h11',
        'template' => '{{7*7}}', 'variable' => '$kafka_sse_subject',
        'CR LF and a header' => "x\r\nX-Evil: 1",
    );

    for my $name (sort keys %none) {
        my $kid = json($none{$name});
        $self->_header("kid is $name", "{\"alg\":\"HS256\",\"kid\":$kid}", 0,
                       'all keys have other kids', 'all');
        $self->_header("kid is $name, for a key without",
                       "{\"alg\":\"HS256\",\"kid\":$kid}", 1,
                       'a key without kid is for all');
    }

    my %broken = (
        'a number' => '1', null => 'null', true => 'true',
        'an array' => '["h1"]', 'an object' => '{"h1":1}',
        '257 bytes' => '"' . 'k' x 257 . '"',
        '5000 bytes' => '"' . 'k' x 5000 . '"',
    );

    for my $name (sort keys %broken) {
        $self->_header("kid is $name", "{\"alg\":\"HS256\",\"kid\":"
                       . "$broken{$name}}", 0, 'no kid');
    }

    my %kid = (HS256 => 'h1', RS256 => 'r1', ES256 => 'e1', EdDSA => 'd1');

    for my $alg (sort keys %kid) {
        for my $kid (qw(h1 r1 e1 e2 d1 d2)) {
            $self->_add("$alg with kid $kid", 'all',
                        $self->token($alg, \%claims, kid => $kid),
                        $kid eq $kid{$alg} ? 1 : 0, 'the kid\'s key alone');
        }
    }

    $self->_header('kid with an escape', '{"alg":"HS256","kid":"\u00681"}', 1,
                   'an escape is the character', 'all');
}


# keys that a token brings are not looked at: good only if ours has signed

sub _cases_own_keys ($self) {
    my %bring = (
        jwk => $self->jwk('rsa-theirs', kid => 'r1'),
        jku => 'http://127.0.0.1:1/jwks.json',
        x5u => 'http://127.0.0.1:1/cert.pem',
        x5c => [ b64($self->der('rsa-theirs')) ],
        x5t => b64(sha256('x')), 'x5t#S256' => b64(sha256('x')),
        epk => $self->jwk('p256-theirs'),
    );

    for my $name (sort keys %bring) {
        $self->_add("$name, signed by it", 'all',
                    $self->token('RS256', \%claims, key => 'rsa-theirs',
                                 $name => $bring{$name}), 0, 'signature');
        $self->_add("$name, and kid, signed by it", 'all',
                    $self->token('RS256', \%claims, key => 'rsa-theirs',
                                 kid => 'r1', $name => $bring{$name}), 0,
                    'signature');
        $self->_add("$name, signed by ours", 'all',
                    $self->token('RS256', \%claims, $name => $bring{$name}),
                    1, 'what is not understood is ignored (RFC 7515, 4)');
    }

    for my $name ([ 'rsa2', 'RS256' ], [ 'p256-theirs', 'ES256' ],
                  [ 'p384-theirs', 'ES384' ], [ 'p521-theirs', 'ES512' ],
                  [ 'ed25519-theirs', 'EdDSA' ], [ 'rsa2', 'PS256' ])
    {
        $self->_add("$name->[1] by a key of theirs", 'all',
                    $self->token($name->[1], \%claims, key => $name->[0]), 0,
                    'signature');
    }
}


sub _cases_critical ($self) {
    my %crit = (
        'an unknown one' => '["x"],"x":1', exp => '["exp"],"exp":1',
        empty => '[]', 'a string' => '"exp"', null => 'null',
        false => 'false', b64 => '["b64"],"b64":false', alg => '["alg"]',
        'itself' => '["crit"]', 'b64, true' => '["b64"],"b64":true',
        'a number' => '[1]',
    );

    for my $name (sort keys %crit) {
        $self->_header("crit, $name", "{\"alg\":\"HS256\",\"crit\":"
                       . "$crit{$name}}", 0, 'crit');
    }

    for my $value (qw(false true null "false" 0)) {
        $self->_header("b64 is $value",
                       "{\"alg\":\"HS256\",\"b64\":$value}", 0, 'b64');
    }

    my $header = b64('{"alg":"HS256","b64":false,"crit":["b64"]}');
    my $payload = json(\%claims);
    $self->_add('a payload that is not encoded', 'hs', "$header.$payload."
                . b64($self->sign('HS256', "$header.$payload")), 0, 'b64');
}


sub _cases_twice ($self) {
    my %header = (
        'alg, none first' => '{"alg":"none","alg":"HS256"}',
        'alg, none second' => '{"alg":"HS256","alg":"none"}',
        'alg, the same' => '{"alg":"HS256","alg":"HS256"}',
        'alg, by an escape' => '{"alg":"HS256","\u0061lg":"RS256"}',
        kid => '{"alg":"HS256","kid":"h1","kid":"r1"}',
        typ => '{"alg":"HS256","typ":"JWT","typ":"JWT"}',
        'another' => '{"alg":"HS256","x":1,"x":2}',
    );

    $self->_header("$_, twice", $header{$_}, 0, 'a member twice')
        for sort keys %header;

    my %payload = (
        sub => '{"sub":"alice","sub":"root"}',
        'sub, by an escape' => '{"sub":"alice","s\u0075b":"root"}',
        exp => '{"exp":4102444800,"exp":1}',
        'exp, the same' => '{"exp":4102444800,"exp":4102444800}',
        aud => '{"aud":"a","aud":"orders"}', iss => '{"iss":"a","iss":"a"}',
        'a nested one' => '{"r":{"a":1,"a":2}}',
        'one in an array' => '{"r":[{"a":1,"a":2}]}',
        'an empty name' => '{"":1,"":1}',
    );

    $self->_payload("$_, twice", $payload{$_}, 0, 'a member twice')
        for sort keys %payload;

    $self->_payload('names in other case', '{"sub":"a","SUB":"b","Sub":1}', 1,
                    'they are others');
    $self->_payload('a name in several objects',
                    '{"a":{"x":1},"b":{"x":1},"x":1}', 1, 'they are others');
}


sub _cases_headers ($self) {
    my %bad = (
        'an array' => '["alg","HS256"]', null => 'null',
        'a string' => '"HS256"',
        'a number' => '1', 'a space' => ' ', 'no end' => '{"alg":"HS256"',
        'something behind' => '{"alg":"HS256"}x',
        'two' => '{"alg":"HS256"}{"alg":"HS256"}',
        'a comma too many' => '{"alg":"HS256",}',
        'single quotes' => "{'alg':'HS256'}", 'no quotes' => '{alg:"HS256"}',
        'a comment' => '{"alg":"HS256"/**/}',
        'a byte order mark' => "\xef\xbb\xbf{\"alg\":\"HS256\"}",
        'bad UTF-8' => "{\"alg\":\"HS256\",\"x\":\"\xff\"}",
        'overlong UTF-8' => "{\"alg\":\"HS256\",\"x\":\"\xc0\xaf\"}",
        'half a surrogate' => '{"alg":"HS256","x":"\ud800"}',
        'a NUL' => "{\"alg\":\"HS256\",\"x\":\"\0\"}",
        'a NUL behind' => "{\"alg\":\"HS256\"}\0",
        'a control byte' => "{\"alg\":\"HS256\",\"x\":\"\1\"}",
        'UTF-16' => join('', map { "$_\0" } split //, '{"alg":"HS256"}'),
        'a number with a zero' => '{"alg":"HS256","x":01}',
        'NaN' => '{"alg":"HS256","x":NaN}',
        'an end that is not its' => '{"alg":"HS256","x":[}]',
        '65 members' => '{"alg":"HS256"' . join('', map { ",\"x$_\":1" } 1..64)
                        . '}',
        'depth without end' => '{"alg":"HS256","x":' . '[' x 2500,
        '3000 deep' => '{"alg":"HS256","x":' . '[' x 2500 . ']' x 2500 . '}',
    );

    $self->_header($_, $bad{$_}, 0, 'no JSON object') for sort keys %bad;

    my %good = (
        'white space' => " {\n\t\"alg\" : \"HS256\"\r\n} ",
        'other members' => '{"alg":"HS256","x":{"y":[1,null,"z"]},"n":1e999}',
        '64 members' => '{"alg":"HS256"' . join('', map { ",\"x$_\":1" } 1..63)
                        . '}',
        '1000 deep' => '{"alg":"HS256","x":' . '[' x 1000 . ']' x 1000 . '}',
        'UTF-8' => "{\"alg\":\"HS256\",\"x\":\"\xe2\x82\xac\"}",
    );

    $self->_header($_, $good{$_}, 1, 'a JSON object') for sort keys %good;

    for my $typ ('"JWT"', '"jwt"', '"at+jwt"', '"application/at+jwt"', '"JOSE"',
                 '""') {
        $self->_header("typ is $typ", "{\"alg\":\"HS256\",\"typ\":$typ}", 1,
                       'a string');
    }

    for my $typ (qw(null 1 ["JWT"] {} true)) {
        $self->_header("typ is $typ", "{\"alg\":\"HS256\",\"typ\":$typ}", 0,
                       'no string');
    }
}


sub _cases_payloads ($self) {
    my %bad = (
        'an empty array' => '[]', 'an array' => '[{"sub":"alice"}]',
        null => 'null', 'a number' => '1', 'a string' => '"x"',
        true => 'true', 'a space' => ' ', 'no end' => '{"sub":"alice"',
        'something behind' => '{"sub":"alice"}x', 'two' => '{}{}',
        'a comma too many' => '{"sub":"alice",}', 'no JSON' => 'sub=alice',
        'a byte order mark' => "\xef\xbb\xbf{}",
        'bad UTF-8' => "{\"sub\":\"\xff\"}", 'a NUL' => "{\"sub\":\"a\0b\"}",
        'a NUL behind' => "{}\0", 'half a surrogate' => '{"sub":"\ud800"}',
        'single quotes' => "{'sub':'alice'}", 'NaN' => '{"x":NaN}',
        'plus' => '{"x":+1}', 'a control byte' => "{\"x\":\"\n\"}",
        '2500 deep' => '{"x":' . '[' x 2500 . ']' x 2500 . '}',
        'depth without end' => '{"x":' x 1000, 'DEFLATE' => "\x78\x9c\x03\x00",
        'a nested token' => $self->token('HS256', \%claims),
    );

    $self->_payload($_, $bad{$_}, 0, 'no JSON object') for sort keys %bad;

    $self->_add('a nested token, cty', 'hs',
                $self->_hs('{"alg":"HS256","cty":"JWT"}',
                           $bad{'a nested token'}),
                0, 'no JSON object');

    my %good = (
        empty => '{}', 'white space' => " {\n} ",
        '1000 deep' => '{"x":' . '[' x 1000 . ']' x 1000 . '}',
        '1000 objects' => '{"x":' x 900 . '1' . '}' x 900,
        'large numbers' => '{"a":18446744073709551616,"b":1e400,"c":-0}',
        'a NUL in a string' => '{"x":"a\u0000b"}',
        '500 members' => '{' . join(',', map { "\"$_\":1" } 1..500) . '}',
        'prototype' => '{"__proto__":{"admin":true},"constructor":1}',
        'LF in sub' => '{"sub":"a\nb"}', 'empty sub' => '{"sub":""}',
        'UTF-8' => "{\"sub\":\"\xe2\x82\xac\"}",
    );

    $self->_payload($_, $good{$_}, 1, 'a JSON object') for sort keys %good;
}


sub _cases_digits ($self) {
    my $good = $self->_hs('{"alg":"HS256","typ":"JWT"}',
                          '{"sub":"a","x":"??>>~~"}');
    my @good = split /\./, $good;
    my @name = qw(header payload signature);

    $self->_add('a token to be spoilt', 'hs', $good, 1, 'as it is');

    for my $i (0 .. 2) {
        my %spoilt = (
            'one =' => sub { "$_[0]=" }, 'two =' => sub { "$_[0]==" },
            '= first' => sub { "=$_[0]" },
            'a star' => sub { "$_[0]*" },
            'a star within' => sub { substr($_[0], 0, 5) . '*'
                                     . substr($_[0], 5) },
            'a space within' => sub { substr($_[0], 0, 5) . ' '
                                      . substr($_[0], 5) },
            'a TAB within' => sub { substr($_[0], 0, 5) . "\t"
                                    . substr($_[0], 5) },
            'LF within' => sub { substr($_[0], 0, 5) . "\n"
                                 . substr($_[0], 5) },
            'CR LF within' => sub { substr($_[0], 0, 5) . "\r\n"
                                    . substr($_[0], 5) },
            'a NUL within' => sub { substr($_[0], 0, 5) . "\0"
                                    . substr($_[0], 5) },
            'a digit more' => sub { "$_[0]A" },
            'four digits more' => sub { "$_[0]AAAA" },
            'a digit less' => sub { substr $_[0], 0, -1 },
            'percent' => sub { "$_[0]%3D" },
            'plus' => sub { substr($_[0], 0, 4) . '+' . substr($_[0], 5) },
            'slash' => sub { substr($_[0], 0, 4) . '/' . substr($_[0], 5) },
            'a byte above 127' => sub { "$_[0]\xc3\xa4" },
            'quotes' => sub { "\"$_[0]\"" },
        );

        for my $what (sort keys %spoilt) {
            my @part = @good;
            $part[$i] = $spoilt{$what}->($part[$i]);
            my $token = join '.', @part;

            $self->_add("$name[$i], in base64url: $what", 'hs', $token, 0,
                        'base64url or signature',
                        $token =~ /[\r\n\0]/ ? (http => 0) : ());
        }
    }

    # the last digit has bits that mean nothing: one text only is right

    my $digits = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-_';
    my $last = chop(my $but = $good);

    for my $by (1 .. 3) {
        $self->_add("a stray bit, $by", 'hs', $but
                    . substr($digits, index($digits, $last) ^ $by, 1), 0,
                    'base64url');
    }

    # the same bytes in the alphabet of base64, signed as such

    my ($header) = @good;
    my $payload = encode_base64('{"sub":"a","x":"??>>~~"}', '') =~ s/=//gr;
    $self->_add('base64 instead of base64url, signed so', 'hs',
                "$header.$payload."
                . b64($self->sign('HS256', "$header.$payload")),
                $payload =~ m{[+/]} ? 0 : 1, 'base64url');

    $payload = encode_base64('{"sub":"ab"}', '');
    $payload = encode_base64('{"sub":"abc"}', '') if $payload !~ /=/;
    $self->_add('a padded payload, signed so', 'hs', "$header.$payload."
                . b64($self->sign('HS256', "$header.$payload")), 0,
                'base64url');
}


sub _cases_parts ($self) {
    my $good = $self->token('HS256', \%claims);
    my ($header, $payload, $signature) = split /\./, $good;

    my %bad = (
        'one part' => $header, 'a dot' => '.', 'two dots' => '..',
        'four dots' => '....', 'no header' => ".$payload.$signature",
        'no payload' => "$header..$signature",
        'a detached payload' => "$header.."
            . b64($self->sign('HS256', "$header.")),
        'four parts' => "$good.$signature", 'a dot behind' => "$good.",
        'a dot before' => ".$good", 'two dots within' =>
            "$header..$payload.$signature",
        'five parts (JWE)' => join('.', b64('{"alg":"dir","enc":"A128GCM"}'),
                                   '', 'AAAA', 'AAAA', 'AAAA'),
        'five parts, the first three good' => "$good.AAAA.AAAA",
        'two tokens' => "$good.$good", 'a comma and a token' => "$good,$good",
        'JSON, flattened' => json({ protected => $header, payload => $payload,
                                    signature => $signature }),
        'JSON, general' => json({ payload => $payload, signatures =>
            [ { protected => $header, signature => $signature } ] }),
        'no token' => 'x', 'the word Bearer' => "Bearer $good",
        'quotes' => "\"$good\"", 'PASETO' => 'v2.local.AAAA',
        'SD-JWT' => "$good~WyJhIl0~", 'a letter before' => "x$good",
    );

    $self->_add($_, 'hs', $bad{$_}, 0, 'three parts') for sort keys %bad;
}


sub _cases_sizes ($self) {
    for my $len (8190 .. 8195, 9000, 16000) {
        my $token;

        # of two lengths one cannot be: 4 digits are 3 bytes

        for my $pad (0 .. 12000) {
            my $guess = int(($len - 67) * 3 / 4) - 24 + $pad;
            $token = $self->_hs(undef, '{"sub":"a","x":"' . 'x' x $guess
                                       . '"}');
            last if length $token >= $len;
        }

        $self->_add(length($token) . ' bytes, for ' . $len, 'hs', $token,
                    length $token <= 8192 ? 1 : 0, '8192 bytes');
    }

    for my $what ('A', '.', '=', '{', "\xff", '[') {
        $self->_add("8000 times \"" . ($what =~ s/\xff/0xff/r) . '"', 'all',
                    $what x 8000, 0, 'garbage');
    }

    $self->_add('a signature of 7000 bytes', 'all',
                b64('{"alg":"RS256"}') . '.e30.' . 'A' x 7000, 0, 'signature');
    $self->_add('a signature of one byte', 'all',
                b64('{"alg":"ES512"}') . '.e30.AA', 0, 'signature');
}


# Edges are of the second in which they are made: what is good is so for some
# more, what is not is so from then on, or for long enough.

sub _cases_times ($self) {
    my %exp = (
        'now' => [ 0, 0 ], 'a second ago' => [ -1, 0 ],
        'an hour ago' => [ -3600, 0 ], 'in 20 s' => [ 20, 1 ],
        'in an hour' => [ 3600, 1 ], 'in 20.5 s' => [ 20.5, 1 ],
        'half a second ago' => [ -0.5, 0 ], '11 s ago' => [ -11, 0 ],
    );

    for my $name (sort keys %exp) {
        my ($by, $good) = @{$exp{$name}};
        $self->_add("exp is $name", 'hs', sub ($now) {
            $self->_hs(undef, sprintf '{"exp":%s}', $now + $by) }, $good,
            'exp', late => 1);
        $self->_add("exp is $name, leeway 10s", 'leeway', sub ($now) {
            $self->_hs(undef, sprintf '{"exp":%s}', $now + $by) },
            $by > -10 ? 1 : 0, 'exp and leeway', late => 1);
    }

    my %nbf = (
        'now' => [ 0, 1 ], 'a second ago' => [ -1, 1 ],
        'in 8 s' => [ 8, 0 ], 'in 60 s' => [ 60, 0 ],
        'an hour ago' => [ -3600, 1 ], 'half a second ago' => [ -0.5, 1 ],
        'in 60.5 s' => [ 60.5, 0 ],
    );

    for my $claim (qw(nbf)) {
        for my $name (sort keys %nbf) {
            my ($by, $good) = @{$nbf{$name}};
            $self->_add("$claim is $name", 'hs', sub ($now) {
                $self->_hs(undef, sprintf '{"%s":%s}', $claim, $now + $by) },
                $good, $claim, late => 1);
            $self->_add("$claim is $name, leeway 10s", 'leeway', sub ($now) {
                $self->_hs(undef, sprintf '{"%s":%s}', $claim, $now + $by) },
                $by < 10 ? 1 : 0, "$claim and leeway", late => 1);
        }
    }

    my %good = (
        'exp 2100' => '"exp":4102444800', 'exp with a fraction' =>
        '"exp":4102444800.75', 'exp with an exponent' => '"exp":4.1024448e9',
        'exp with zeros' => '"exp":4102444800.000',
        'exp as large as can be' => '"exp":9007199254740991',
        'no exp' => '"sub":"a"', 'nbf 0' => '"nbf":0', 'nbf 1' => '"nbf":1',
        'nbf negative' => '"nbf":-1', 'nbf -0' => '"nbf":-0.0',
        'nbf with an exponent' => '"nbf":1e0', 'iat 0' => '"iat":0',
        'iat negative' => '"iat":-5.5', 'iat with a fraction' =>
        '"iat":1500000000.123456', 'all three' =>
        '"exp":4102444800,"nbf":1,"iat":1',
        'exp in a nested object' => '"x":{"exp":1,"nbf":4102444800}',
    );

    $self->_payload($_, "{$good{$_}}", 1, 'time') for sort keys %good;

    for my $claim (qw(exp nbf iat)) {
        my %bad = (
            'a string' => '"4102444800"', null => 'null', true => 'true',
            false => 'false', 'an array' => '[4102444800]',
            'an object' => '{}', 'empty' => '""', '1e30' => '1e30',
            '2^53' => '9007199254740992', '1e400' => '1e400',
            'a date' => '"2100-01-01T00:00:00Z"', 'infinity' => 'Infinity',
            'hexadecimal' => '0xffffffff',
        );

        $self->_payload("$claim is $_", "{\"$claim\":$bad{$_}}", 0, 'no time')
            for sort keys %bad;
    }

    $self->_payload("exp is $_", "{\"exp\":$_}", 0, 'past')
        for qw(0 -1 -4102444800 0.0001 1e-400 -1e30);
    $self->_payload("exp is $_", "{\"exp\":$_}", 0, 'past', late => 1)
        for qw(1 1.5 1e9 1500000000);
}


sub _cases_claims ($self) {
    for my $claim (qw(sub iss jti)) {
        for my $value (qw(1 null true {} [] ["a"] 1.5)) {
            $self->_payload("$claim is $value", "{\"$claim\":$value}", 0,
                            'no string');
        }

        $self->_payload("$claim is a string", "{\"$claim\":\"x\"}", 1,
                        'a string');
    }

    for my $value (qw(1 null true {} [1] [null] [["a"]] [{}]), '["a",1]',
                   '{"a":1}') {
        $self->_payload("aud is $value", "{\"aud\":$value}", 0,
                        'no string, no array of strings');
    }

    for my $value ('"a"', '["a"]', '["a","b"]', '[]', '""', '[""]') {
        $self->_payload("aud is $value", "{\"aud\":$value}", 1,
                        'a string, an array of strings');
    }
}


sub _cases_audience ($self) {
    my %aud = (
        '"orders"' => 1, '["orders"]' => 1, '["a","orders"]' => 1,
        '["orders","orders"]' => 1, '"\u006frders"' => 1,
        '"Orders"' => 0, '"orders "' => 0, '"order"' => 0, '"ordersx"' => 0,
        '"a,orders"' => 0, '"a orders"' => 0, '[]' => 0, '""' => 0,
        '["a","b"]' => 0, '"*"' => 0, '["a,orders"]' => 0,
        '"orders\u0000"' => 0,
        '["orders\n"]' => 0,
    );

    for my $value (sort keys %aud) {
        $self->_payload("aud is $value, orders is required",
                        "{\"aud\":$value}", $aud{$value}, 'aud',
                        ring => 'aud', late => 1);
    }

    $self->_payload('no aud, orders is required', '{"sub":"orders"}', 0, 'aud',
                    ring => 'aud', late => 1);
    $self->_payload('aud in a nested object, orders is required',
                    '{"x":{"aud":"orders"}}', 0, 'aud', ring => 'aud',
                    late => 1);
}


sub _cases_issuers ($self) {
    my %iss = (
        'https://idp.example/' => 1, 'https://idp.example' => 0,
        'https://idp.example//' => 0, 'https://IDP.example/' => 0,
        'http://idp.example/' => 0, 'https://idp.example/.evil' => 0,
        'https://evil/https://idp.example/' => 0, '' => 0,
        'https://idp.example/ ' => 0, ' https://idp.example/' => 0,
        "https://idp.example/\0" => 0, 'https://idp.example:443/' => 0,
        'idp.example' => 0, 'https://idp.example.evil/' => 0,
    );

    for my $value (sort keys %iss) {
        $self->_payload('iss is "' . ($value =~ s/\0/NUL/r) . '"',
                        json({ iss => $value }), $iss{$value}, 'iss',
                        ring => 'iss', late => 1);
    }

    $self->_payload('no iss', '{"sub":"https://idp.example/"}', 0, 'iss',
                    ring => 'iss', late => 1);
}


sub _cases_rights ($self) {
    my %scope = (
        '"read"' => 1, '"write read"' => 1, '"read write"' => 1,
        '["read"]' => 1, '["write","read"]' => 1, '"reader"' => 0,
        '"READ"' => 0, '"write"' => 0, '"orders:read"' => 0, '""' => 0,
        '[]' => 0, '["write read"]' => 0, 'true' => 0, 'null' => 0,
        '{"read":true}' => 0, '"read,write"' => 0, '"a\tread"' => 0,
    );

    for my $value (sort keys %scope) {
        $self->_payload("scope is $value, read is required",
                        "{\"scope\":$value}", $scope{$value}, 'scope',
                        ring => 'scope', late => 1);
    }

    my %role = (
        '{"realm_access":{"roles":["admin"]}}' => 1,
        '{"realm_access":{"roles":["user","admin"]}}' => 1,
        '{"realm_access":{"roles":"admin"}}' => 1,
        '{"realm_access.roles":"admin"}' => 1,
        '{"realm_access":{"roles":["user"]}}' => 0,
        '{"realm_access":["admin"]}' => 0, '{"roles":["admin"]}' => 0,
        '{"realm_access":{"roles":[["admin"]]}}' => 0,
        '{"realm_access":{"roles":{"admin":true}}}' => 0,
        '{"realm_access":{"roles":["admin"]},"realm_access.roles":["x"]}' => 0,
        '{"x":{"realm_access":{"roles":["admin"]}}}' => 0,
    );

    for my $value (sort keys %role) {
        $self->_payload("$value, admin is required", $value, $role{$value},
                        'role', ring => 'role', late => 1);
    }
}


sub _cases_types ($self) {
    my $good = $self->token('RS256', \%claims);

    $self->_add('RS256 for a PEM file', 'rs256', $good, 1, 'signature');
    $self->_add('RS256 for a JWK', 'jwk', $good, 1, 'signature');
    $self->_add('PS256 where RS256 alone is allowed', 'rs256',
                $self->token('PS256', \%claims), 0, 'not allowed');
    $self->_add('RS512 where RS256 alone is allowed', 'rs256',
                $self->token('RS512', \%claims), 0, 'not allowed');
    $self->_add('HS512 where it alone is allowed', 'hs512', $self->token('HS512', \%claims), 1,
                'signature');
    $self->_add('HS256 where HS512 alone is allowed', 'hs512',
                $self->token('HS256', \%claims), 0, 'not allowed');
    $self->_add('ES256 for a PEM file', 'ec', $self->token('ES256', \%claims),
                1, 'signature');
    $self->_add('EdDSA for a PEM file', 'ed', $self->token('EdDSA', \%claims),
                1, 'signature');
    $self->_add('RS256 for an EC key', 'ec', $good, 0, 'no key');
    $self->_add('ES256 for an RSA key', 'rsa',
                $self->token('ES256', \%claims), 0, 'no key');
    $self->_add('ES384 for a key of P-256', 'ec',
                $self->token('ES384', \%claims), 0, 'no key');
}


sub _cases_pinned ($self) {
    $self->_add('PS256 for a key of PS256', 'pinned',
                $self->token('PS256', \%claims, kid => 'p'), 1, 'alg');
    $self->_add("$_ for a key of PS256", 'pinned',
                $self->token($_, \%claims, kid => 'p'), 0, 'alg')
        for qw(RS256 PS384 PS512 RS512);
    $self->_add('ES256 for a key that encrypts', 'pinned',
                $self->token('ES256', \%claims, kid => 'enc'), 0, 'use');
    $self->_add('ES384 for a key that does not verify', 'pinned',
                $self->token('ES384', \%claims, kid => 'ops'), 0, 'key_ops');
    $self->_add('EdDSA for a key that does', 'pinned',
                $self->token('EdDSA', \%claims, kid => 'sig'), 1, 'key_ops');
}


sub _cases_rotation ($self) {
    my @case = (
        [ 'RS256', 'rsa', 'new', 1 ], [ 'RS256', 'rsa2', 'old', 1 ],
        [ 'RS256', 'rsa2', 'new', 0 ], [ 'RS256', 'rsa', 'old', 0 ],
        [ 'RS256', 'rsa', undef, 1 ], [ 'RS256', 'rsa2', undef, 1 ],
        [ 'RS256', 'rsa', 'gone', 0 ], [ 'RS256', 'rsa-theirs', 'new', 0 ],
        [ 'RS256', 'rsa-theirs', undef, 0 ], [ 'ES256', 'p256', 'new', 1 ],
        [ 'ES256', 'p256', 'old', 0 ], [ 'ES384', 'p384', 'any', 1 ],
        [ 'ES384', 'p384', undef, 1 ], [ 'ES384', 'p384', 'new', 0 ],
    );

    for my $case (@case) {
        my ($alg, $key, $kid, $good) = @$case;
        $self->_add("$alg by $key, kid " . ($kid // 'none'), 'rotated',
                    $self->token($alg, \%claims, key => $key,
                                 defined $kid ? (kid => $kid) : ()), $good,
                    'the kid\'s keys, or those without');
    }
}


1;
