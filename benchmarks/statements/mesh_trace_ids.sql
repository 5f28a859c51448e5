-- As mesh_spans.sql makes them.
SELECT lower(hex(sipHash128(intDiv(number * {stored:UInt64}, {wanted:UInt64})))) AS trace_id FROM numbers({wanted:UInt64})
