(component
  (import "wasi:io/error@0.2.6" (instance (export "error" (type (sub resource)))))
  (import "wasi:clocks/wall-clock@0.2.6" (instance $clock
    (type $t (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $d (eq $t)))
    (export "now" (func (result $d)))))
  (alias export $clock "now" (func $now))
  (core module $libc (memory (export "memory") 1))
  (core instance $libc (instantiate $libc))
  (core func $lowered (canon lower (func $now) (memory $libc "memory")))
  (core module $m
    (import "" "now" (func $now (param i32)))
    (func $start (call $now (i32.const 0)))
    (start $start))
  (core instance (instantiate $m (with "" (instance (export "now" (func $lowered)))))))
