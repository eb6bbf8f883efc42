"""The benchmarks run, judge and draw. Refuses to know how fast anything is: a machine under test is never quiet."""
