/** What `npm run bench -- --help` says. */
export const usage = `npm run bench -- [part…] [options]   measures the compiled daemon

parts
  compare (default)  ratios to Redis at equal durability
  sustained          minutes of random puts over ten times the cache
  memory             peak memory with a million entries, and under a small limit
  start              start of the process to its first answer
  sessions           a busy client beside 10,000 idle ones
  hostile            ordinary clients beside peers that mean harm
  cluster            three nodes beside three of etcd; --cluster means the same
  join               a fourth node joins three with a million entries, under load
  lag                how late the event loop is under full load
  all                all of them, one after the other

options
  --rounds N (10)    --seconds S (5; sustained 300)
  --durability always|everysec|both (both: puts only for everysec)
  --cells put1,put16,get1,get16
  --json FILE        writes the result
  --compare OLD.json sets the result against an earlier one
  --record           adds the result to test/bench/history/
  --qdbd FILE        measures this daemon
  --scale X          smaller parts, to try the instrument
  --help             this text

The exit status is 1 when a figure misses its target or the load generator was too slow to be believed, 2 when the command line is
wrong, 3 when something could not be measured at all.`
