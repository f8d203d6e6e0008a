// How far streams of events have been read: files by bytes, Kafka's partitions by messages.

// name: offsets
// How far some streams have been read.
// params: streams (list of str)
// returns: stream, next (int), mark (str)
UNWIND $streams AS stream
MATCH (o:Offset {stream: stream})
RETURN stream, o.next AS next, o.mark AS mark

// name: hold
// Where a stream is now; nobody else moves it until the transaction ends.
// params: stream (str)
// returns: next (int), mark (str)
MERGE (o:Offset {stream: $stream})
SET o.at = datetime()
RETURN o.next AS next, o.mark AS mark

// name: move
// Note how far a stream has been read, and how long it is: what lies between is the lag.
// params: stream (str), next (int), mark (str), end (int)
// returns: nothing
MATCH (o:Offset {stream: $stream})
SET o.next = $next, o.mark = $mark, o.end = $end
