builtin.module attributes {wlm.machine = {format = 1 : i64, name = "tiny", clock_mhz = 1000 : i64, tiles = 1 : i64, engines = [{name = "dma0", kind = "dma", tile = -1 : i64, order = "serial", servers = 1 : i64, fifo_depth = 4 : i64, max_waits = 0 : i64, descriptor_slots = 0 : i64, descriptor_bytes = 0 : i64, bandwidth_mbps = 1000 : i64, source = "", firmware = false}, {name = "dma1", kind = "dma", tile = -1 : i64, order = "serial", servers = 1 : i64, fifo_depth = 4 : i64, max_waits = 0 : i64, descriptor_slots = 0 : i64, descriptor_bytes = 0 : i64, bandwidth_mbps = 1000 : i64, source = "", firmware = false}, {name = "dma_fw", kind = "dma", tile = -1 : i64, order = "serial", servers = 1 : i64, fifo_depth = 4 : i64, max_waits = 0 : i64, descriptor_slots = 0 : i64, descriptor_bytes = 0 : i64, bandwidth_mbps = 1000 : i64, source = "", firmware = true}, {name = "dpu0", kind = "dpu", tile = 0 : i64, order = "serial", servers = 1 : i64, fifo_depth = 4 : i64, max_waits = 1 : i64, descriptor_slots = 8 : i64, descriptor_bytes = 16 : i64, bandwidth_mbps = 0 : i64, source = "", firmware = false}, {name = "shave0", kind = "shave", tile = 0 : i64, order = "prefetching", servers = 1 : i64, fifo_depth = 4 : i64, max_waits = 1 : i64, descriptor_slots = 8 : i64, descriptor_bytes = 16 : i64, bandwidth_mbps = 0 : i64, source = "", firmware = false}], barriers = {count = 8 : i64, fifo_depth = 1 : i64, max_producers = 8 : i64, max_consumers = 8 : i64, max_sum = 12 : i64, rearm = "atomic", rearm_delta = 0 : i64, consume_at = "end"}, firmware = {interrupt = 100 : i64, program = 20 : i64, push = 20 : i64, build_fetch = 50 : i64, service_order = "id", fetch_batch = 1 : i64}, bootstrap = {base = 1000 : i64, program = 2 : i64, push = 20 : i64}, management = {enqueue_bytes = 4 : i64, program_bytes = 4 : i64, program_depth = 4 : i64, linked_enqueue = false}, memory = {ddr_bytes = 1073741824 : i64, cmx_bytes = 2097152 : i64, dma_setup = 10 : i64, bandwidth = "per_channel", ddr_mbps = 2000 : i64}, compute = {dpu_macs = 16 : i64, dpu_efficiency_percent = 70 : i64, dpu_overhead = 10 : i64, dpu_elements = 8 : i64, shave_elements = 4 : i64, shave_overhead = 20 : i64, element_bytes = 2 : i64}, full_fifo = "block"}} {
  task.graph @net phase managed mode firmware {
    %0 = task.buffer "m0" cmx 0 scratch size 64 address 0
    %1 = task.buffer "m1" cmx 0 scratch size 64 address 64
    %2 = task.buffer "m2" cmx 0 scratch size 64 address 128
    %3 = task.buffer "m3" cmx 0 scratch size 64 address 192
    %4 = task.buffer "m4" cmx 0 scratch size 64 address 256
    %5 = task.buffer "m5" cmx 0 scratch size 64 address 320
    %6 = barrier.configure 0 producers 3 consumers 2 irq "over"
    %7 = barrier.configure 1 producers 2 consumers 3 irq "over"
    %8 = barrier.configure 2 producers 1 consumers 0 irq "over"
    %9 = barrier.configure 3 producers 1 consumers 1 irq "over"
    %10 = barrier.configure 4 producers 1 consumers 1 irq "over"
    %11 = barrier.configure 5 producers 1 consumers 1
    %12 = barrier.configure 6 producers 3 consumers 3
    %13 = barrier.configure 7 producers 1 consumers 1
    mgmt_dma.bootstrap [%6, %7, %8, %9, %10, %11, %12, %13]
    mgmt_dma.work_item @dma_fw [0 to 4)
    %14 = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma_fw cycles 26 bytes 16
    mgmt_dma.work_item @dma0 [0 to 2)
    %15 = task.run @dma0 "t2" writes(%2) updates(%6) cycles 53
    mgmt_dma.work_item @dma1 [0 to 2)
    %16 = task.run @dma1 "t4" writes(%4) updates(%7) cycles 395
    %17 = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma_fw cycles 26 bytes 16
    mgmt_dma.work_item @shave0 [0 to 1) done(%14)
    %18 = task.run @shave0 "t0" writes(%0) updates(%6) cycles 325 slots 2
    %19 = mgmt_dma.fetch @dpu0 [1 to 2) slots [1 to 2) on @dma_fw updates(%8) cycles 26 bytes 16
    %20 = mgmt_dma.fetch @shave0 [1 to 2) slots [1 to 2) on @dma_fw cycles 26 bytes 16
    mgmt_dma.work_item @dma_fw [4 to 7) at(%8)
    %21 = mgmt_dma.fetch @shave0 [2 to 3) slots [0 to 1) on @dma_fw waits(%6) cycles 26 bytes 16
    mgmt_dma.work_item @dpu0 [0 to 1) done(%17)
    %22 = task.run @dpu0 "t1" reads(%0) writes(%1) waits(%6) updates(%9) cycles 496
    %23 = mgmt_dma.fetch @dpu0 [2 to 3) slots [0 to 1) on @dma_fw waits(%9) cycles 26 bytes 16
    mgmt_dma.work_item @dpu0 [1 to 2) done(%19)
    %24 = task.run @dpu0 "t3" reads(%0, %1) writes(%3) updates(%7) cycles 207
    %25 = mgmt_dma.fetch @dpu0 [3 to 4) slots [1 to 2) on @dma_fw waits(%7) cycles 26 bytes 16
    mgmt_dma.work_item @dpu0 [2 to 3) done(%23)
    %26 = task.run @dpu0 "t5" writes(%5) updates(%10) cycles 189
    mgmt_dma.work_item @shave0 [1 to 2) done(%20)
    %27 = task.run @shave0 "t6" writes(%0) waits(%7) updates(%11) cycles 496
    %28 = task.run @dma1 "t7" reads(%1) writes(%1) waits(%7) updates(%12) cycles 227
    mgmt_dma.work_item @dma_fw [7 to 9) at(%6)
    %29 = mgmt_dma.fetch @dpu0 [4 to 5) slots [0 to 1) on @dma_fw waits(%10) cycles 26 bytes 16
    mgmt_dma.work_item @dpu0 [3 to 4) done(%25)
    %30 = task.run @dpu0 "t8" writes(%2) updates(%12) cycles 384 slots 2
    %31 = mgmt_dma.fetch @shave0 [3 to 4) slots [1 to 2) on @dma_fw waits(%11) cycles 26 bytes 16
    mgmt_dma.work_item @dma_fw [9 to 11) at(%9)
    %32 = mgmt_dma.fetch @dpu0 [5 to 6) slots [1 to 2) on @dma_fw waits(%12) cycles 26 bytes 16
    %33 = task.run @dma0 "t9" reads(%1, %2) writes(%3) waits(%12) updates(%13) cycles 205
    mgmt_dma.work_item @shave0 [2 to 3) at(%8) done(%21)
    %34 = barrier.configure 2 producers 1 consumers 1
    %35 = task.run @shave0 "t10" reads(%2) writes(%4) waits(%12) updates(%34) cycles 151
    %36 = barrier.configure 0 producers 4 consumers 0 tail irq "lifted"
    %37 = mgmt_dma.fetch @shave0 [4 to 5) slots [0 to 1) on @dma_fw waits(%34) updates(%36) cycles 26 bytes 16
    mgmt_dma.work_item @shave0 [3 to 4) at(%9) done(%31)
    %38 = barrier.configure 3 producers 1 consumers 1
    %39 = task.run @shave0 "t12" reads(%1, %4) writes(%0) updates(%38) cycles 230
    mgmt_dma.work_item @dma1 [2 to 3) at(%7)
    %40 = barrier.configure 1 producers 2 consumers 2
    %41 = task.run @dma1 "t11" reads(%3) writes(%5) waits(%13) updates(%40) cycles 122
    mgmt_dma.work_item @dma0 [2 to 3) at(%7, %9)
    %42 = task.run @dma0 "t13" writes(%1) waits(%38) updates(%40) cycles 155
    mgmt_dma.work_item @shave0 [4 to 5) at(%7, %10) done(%37)
    %43 = barrier.configure 4 producers 2 consumers 3
    %44 = task.run @shave0 "t14" writes(%2) waits(%40) updates(%43) cycles 420
    mgmt_dma.work_item @dpu0 [4 to 5) at(%7, %10) done(%29)
    %45 = task.run @dpu0 "t15" reads(%1, %4) writes(%3) waits(%40) updates(%43) cycles 455
    mgmt_dma.work_item @dma1 [3 to 4) at(%6, %10)
    %46 = task.run @dma1 "t16" reads(%1, %4) writes(%4) waits(%43) updates(%36) cycles 426
    mgmt_dma.work_item @dma0 [3 to 4) at(%6, %10)
    %47 = task.run @dma0 "t17" reads(%2, %3) writes(%5) waits(%43) updates(%36) cycles 475
    mgmt_dma.work_item @dpu0 [5 to 6) at(%6) done(%32)
    %48 = task.run @dpu0 "t18" reads(%2, %3) writes(%0) waits(%43) updates(%36) cycles 382
  }
}
