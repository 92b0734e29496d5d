//! The commands on data: what Redis 7.0.15 answered to these requests.

use super::{asking, stays};

#[test]
fn strings_are_set_and_got() {
    stays(
        &asking(&["set a 1", "get a", "get b", "exists a b a", "del a b", "get a", "exists a"]),
        b"+OK\r\n$1\r\n1\r\n$-1\r\n:2\r\n:1\r\n$-1\r\n:0\r\n",
    );
    stays(
        &asking(&[
            "mset a 1 b 2 c 3",
            "mget a b x c",
            "dbsize",
            "del a a b",
            "dbsize",
            "flushall",
            "dbsize",
            "mget a c",
        ]),
        b"+OK\r\n*4\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$1\r\n3\r\n:3\r\n:2\r\n:1\r\n+OK\r\n:0\r\n*2\r\n$-1\r\n$-1\r\n",
    );
    stays(&asking(&["mset a 1 a 2", "get a"]), b"+OK\r\n$1\r\n2\r\n");
    stays(&asking(&["type a", "set a x", "type a"]), b"+none\r\n+OK\r\n+string\r\n");
    stays(
        &asking(&["set a v nx", "set a w nx", "get a", "set a w xx", "get a", "set b w xx", "get b"]),
        b"+OK\r\n$-1\r\n$1\r\nv\r\n+OK\r\n$1\r\nw\r\n$-1\r\n$-1\r\n",
    );
    stays(
        &asking(&[
            "set a v get",
            "set a w get",
            "get a",
            "set a x nx get",
            "get a",
            "set b x nx get",
            "get b",
            "set c x xx get",
            "get c",
            "set a y xx get",
            "get a",
        ]),
        b"$-1\r\n$1\r\nv\r\n$1\r\nw\r\n$1\r\nw\r\n$1\r\nw\r\n$-1\r\n$1\r\nx\r\n$-1\r\n$-1\r\n$1\r\nw\r\n$1\r\ny\r\n",
    );
    stays(&asking(&["set a v nx xx"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v xx nx"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v nx nx", "get a"]), b"+OK\r\n$1\r\nv\r\n");
    stays(&asking(&["set a v foo"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v ex"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v ex 10 px 10"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v ex 10 ex 20", "ttl a"]), b"+OK\r\n:20\r\n");
    stays(&asking(&["set a v ex 10 keepttl"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v keepttl ex 10"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v keepttl px 10"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v keepttl keepttl", "get a"]), b"+OK\r\n$1\r\nv\r\n");
    stays(&asking(&["set a v px"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v ex abc"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["set a v ex 0"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v ex -1"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v px 0"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v px -5"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v exat 0"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v ex 1.5"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["set a v ex 9223372036854775807"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v px 9223372036854775807"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v exat 9223372036854775807"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v pxat 9223372036854775807", "get a"]), b"+OK\r\n$1\r\nv\r\n");
    stays(&asking(&["set a v ex 9223372036854775"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v ex 9223372036854776"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v ex 99999999999999999999"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["set a v exat 1", "get a", "ttl a"]), b"+OK\r\n$-1\r\n:-2\r\n");
    stays(&asking(&["set a v pxat 1", "get a", "exists a", "dbsize"]), b"+OK\r\n$-1\r\n:0\r\n:0\r\n");
    stays(&asking(&["set a v ex 10 exat 10"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v px 10 pxat 10"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v EX 100", "TTL a", "set a w", "ttl a"]), b"+OK\r\n:100\r\n+OK\r\n:-1\r\n");
    stays(
        &asking(&["set a v px 100000", "ttl a", "set a w keepttl", "get a", "ttl a"]),
        b"+OK\r\n:100\r\n+OK\r\n$1\r\nw\r\n:100\r\n",
    );
    stays(&asking(&["set a v ex 100 nx get", "ttl a"]), b"$-1\r\n:100\r\n");
    // Rounded to the nearest second; far enough from an edge that the test may be slow.
    stays(&asking(&["set a v PX 100400", "ttl a"]), b"+OK\r\n:100\r\n");
    stays(&asking(&["set a v nx ex 100 foo"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v get get", "get a"]), b"$-1\r\n$1\r\nv\r\n");
    stays(&asking(&["set a v ex 100", "incr a"]), b"+OK\r\n-ERR value is not an integer or out of range\r\n");
    stays(
        &asking(&["set a 1 ex 100", "incr a", "ttl a", "decrby a 3", "ttl a", "get a"]),
        b"+OK\r\n:2\r\n:100\r\n:-1\r\n:100\r\n$2\r\n-1\r\n",
    );
    stays(&asking(&["set a v ex nx"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["set a v nx ex"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a b c d"]), b"-ERR syntax error\r\n");
    stays(&asking(&["set a v ex 10 get foo", "get a"]), b"-ERR syntax error\r\n$-1\r\n");
    stays(&asking(&["set a v xx ex 0"]), b"-ERR invalid expire time in 'set' command\r\n");
    stays(&asking(&["set a v persist"]), b"-ERR syntax error\r\n");
    stays(&asking(&["ttl x", "pttl x", "set x 1", "ttl x", "pttl x"]), b":-2\r\n:-2\r\n+OK\r\n:-1\r\n:-1\r\n");
}

#[test]
fn integers_are_added_to() {
    stays(
        &asking(&["incr a", "incr a", "get a", "decr a", "decr a", "decr a", "get a"]),
        b":1\r\n:2\r\n$1\r\n2\r\n:1\r\n:0\r\n:-1\r\n$2\r\n-1\r\n",
    );
    stays(
        &asking(&["incrby a 10", "incrby a -20", "decrby a 5", "decrby a -5", "get a"]),
        b":10\r\n:-10\r\n:-15\r\n:-10\r\n$3\r\n-10\r\n",
    );
    stays(&asking(&["set a abc", "incr a", "decr a", "incrby a 1", "get a"]), b"+OK\r\n-ERR value is not an integer or out of range\r\n-ERR value is not an integer or out of range\r\n-ERR value is not an integer or out of range\r\n$3\r\nabc\r\n");
    stays(
        &asking(&["set a 9223372036854775807", "incr a", "get a", "decr a"]),
        b"+OK\r\n-ERR increment or decrement would overflow\r\n$19\r\n9223372036854775807\r\n:9223372036854775806\r\n",
    );
    stays(
        &asking(&["set a -9223372036854775808", "decr a", "incr a"]),
        b"+OK\r\n-ERR increment or decrement would overflow\r\n:-9223372036854775807\r\n",
    );
    stays(&asking(&["incrby a 9223372036854775808"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["incrby a abc"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["incrby a 1.0"]), b"-ERR value is not an integer or out of range\r\n");
    stays(b"*3\r\n$6\r\nincrby\r\n$1\r\na\r\n$0\r\n\r\n", b"-ERR value is not an integer or out of range\r\n");
    stays(b"*3\r\n$6\r\nincrby\r\n$1\r\na\r\n$2\r\n 1\r\n", b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["incrby a +1"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["incrby a 01"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["incrby a -0"]), b"-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["decrby a -9223372036854775808"]), b"-ERR decrement would overflow\r\n");
    stays(
        &asking(&["decrby a 9223372036854775807", "decrby a 1", "decrby a 1"]),
        b":-9223372036854775807\r\n:-9223372036854775808\r\n-ERR increment or decrement would overflow\r\n",
    );
    stays(
        b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$2\r\n 1\r\n*2\r\n$4\r\nincr\r\n$1\r\na\r\n",
        b"+OK\r\n-ERR value is not an integer or out of range\r\n",
    );
    stays(
        b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$2\r\n1 \r\n*2\r\n$4\r\nincr\r\n$1\r\na\r\n",
        b"+OK\r\n-ERR value is not an integer or out of range\r\n",
    );
    stays(&asking(&["set a +1", "incr a"]), b"+OK\r\n-ERR value is not an integer or out of range\r\n");
    stays(
        b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$0\r\n\r\n*2\r\n$4\r\nincr\r\n$1\r\na\r\n",
        b"+OK\r\n-ERR value is not an integer or out of range\r\n",
    );
    stays(
        &asking(&["set a 007", "incr a", "get a"]),
        b"+OK\r\n-ERR value is not an integer or out of range\r\n$3\r\n007\r\n",
    );
    stays(&asking(&["set a -0", "incr a"]), b"+OK\r\n-ERR value is not an integer or out of range\r\n");
    stays(&asking(&["set a 0", "decr a"]), b"+OK\r\n:-1\r\n");
    stays(&asking(&["set a 1.5", "incr a"]), b"+OK\r\n-ERR value is not an integer or out of range\r\n");
    stays(
        &asking(&["set a 9223372036854775808", "incr a"]),
        b"+OK\r\n-ERR value is not an integer or out of range\r\n",
    );
    stays(&asking(&["incrby a 9223372036854775807", "incrby a -9223372036854775808", "incrby a -9223372036854775807", "incrby a -1", "incrby a -1"]), b":9223372036854775807\r\n:-1\r\n:-9223372036854775808\r\n-ERR increment or decrement would overflow\r\n-ERR increment or decrement would overflow\r\n");
}
