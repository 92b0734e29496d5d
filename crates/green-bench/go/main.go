// The workloads of `green-bench` on goroutines: what Go costs, beside green, on the same machine in the same run.
//
//	go-bench go WORKLOAD [KEY=VALUE…]      one line of JSON on stdout
//
// Each workload does what the one of the same name in `../src/workload` does, and reports the same figures. The load of
// the network workloads is always the Rust client. What Go has no equal for is said at its workload.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var workloads = map[string]func(settings) report{
	"spawn":      spawn,
	"yield":      yield,
	"ping-pong":  tokenPingPong,
	"memory":     memory,
	"timers":     timers,
	"precision":  precision,
	"echo":       echo,
	"unix":       unix,
	"udp":        datagrams,
	"lock":       alone,
	"contended":  contended,
	"channels":   pingPong,
	"throughput": throughput,
	"idle":       idle,
}

func main() {
	if len(os.Args) < 3 || os.Args[1] != "go" {
		fail("go-bench go WORKLOAD [KEY=VALUE…]")
	}
	settings := settings{}
	for _, argument := range os.Args[3:] {
		key, value, found := strings.Cut(argument, "=")
		if !found {
			fail("KEY=VALUE")
		}
		settings[key] = value
	}
	if _, pinned := settings["cpu"]; pinned {
		pin(settings.need("cpu"))
	}
	raiseDescriptorLimit()
	runtime.GOMAXPROCS(settings.get("workers", 1))
	run, found := workloads[os.Args[2]]
	if !found {
		fail("go has no " + os.Args[2])
	}
	line, err := json.Marshal(run(settings))
	check(err)
	fmt.Println(string(line))
}

// Settings: what the command line asks for.

type settings map[string]string

func (s settings) get(key string, otherwise int) int {
	value, found := s[key]
	if !found {
		return otherwise
	}
	number, err := strconv.Atoi(value)
	check(err)
	return number
}

func (s settings) need(key string) int {
	if _, found := s[key]; !found {
		fail("the workload needs " + key + "=…")
	}
	return s.get(key, 0)
}

func ceilingOf(total, parts int) int {
	return (total + parts - 1) / parts
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

// Meter: what a stretch of time cost.

type report map[string]float64

type meter struct {
	started     time.Time
	cpu, idle   time.Duration
	preemptions int64
	cpus        map[int]bool
}

type measured struct {
	wall, cpu, others time.Duration
	preemptions       int64
}

func startMeter() meter {
	cpus := affinity()
	m := meter{cpus: cpus, idle: idleTime(cpus), preemptions: preemptions(), cpu: ownCPU()}
	m.started = time.Now()
	return m
}

func (m *meter) stop() measured {
	wall := time.Since(m.started)
	cpu := ownCPU() - m.cpu
	others := wall*time.Duration(len(m.cpus)) - (idleTime(m.cpus) - m.idle) - cpu
	if others < 0 {
		others = 0
	}
	return measured{wall, cpu, others, preemptions() - m.preemptions}
}

func (m measured) report() report {
	return report{
		"wall_s":      m.wall.Seconds(),
		"cpu_s":       m.cpu.Seconds(),
		"others_s":    m.others.Seconds(),
		"preemptions": float64(m.preemptions),
	}
}

func (m measured) reportEach(count int) report {
	r := m.report()
	r["ns"] = float64(m.wall) / float64(count)
	r["cpu_ns"] = float64(m.cpu) / float64(count)
	return r
}

func (r report) withQuantiles(name string, values []time.Duration) report {
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	quantile := func(quantile float64) float64 {
		return float64(values[int(math.Ceil(quantile*float64(len(values))))-1]) / 1e3
	}
	r[name+"_p50_us"] = quantile(0.5)
	r[name+"_p99_us"] = quantile(0.99)
	r[name+"_max_us"] = quantile(1)
	return r
}

// System: affinity, processor time, memory.

type cpuSet [16]uint64

// pin keeps all OS threads on one processor. Those that the runtime has started are beyond our reach, so the program is
// run again by a thread that is pinned; the process stays the same one.
func pin(cpu int) {
	if cpus := affinity(); len(cpus) == 1 && cpus[cpu] {
		return
	}
	runtime.LockOSThread()
	var set cpuSet
	set[cpu/64] = 1 << (cpu % 64)
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		fail("cannot pin: " + errno.Error())
	}
	check(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

func affinity() map[int]bool {
	var set cpuSet
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		fail("sched_getaffinity: " + errno.Error())
	}
	cpus := map[int]bool{}
	for cpu := 0; cpu < 64*len(set); cpu++ {
		if set[cpu/64]>>(cpu%64)&1 == 1 {
			cpus[cpu] = true
		}
	}
	return cpus
}

func raiseDescriptorLimit() {
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = limit.Max
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

// ownCPU returns the processor time of all OS threads.
func ownCPU() time.Duration {
	const processCPUTime = 2
	var now syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, processCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		fail("clock_gettime: " + errno.Error())
	}
	return time.Duration(now.Nano())
}

func preemptions() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Nivcsw
}

// idleTime returns how long the given processors had nothing to do since boot.
func idleTime(cpus map[int]bool) time.Duration {
	text, err := os.ReadFile("/proc/stat")
	check(err)
	ticks := 0
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		cpu, err := strconv.Atoi(fields[0][len("cpu"):])
		if err != nil || !cpus[cpu] {
			continue
		}
		// user, nice, system, then idle and iowait.
		for _, field := range fields[4:6] {
			count, err := strconv.Atoi(field)
			check(err)
			ticks += count
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// kilobytes returns a line of a file of /proc, in bytes.
func kilobytes(path, name string) float64 {
	text, err := os.ReadFile(path)
	check(err)
	_, rest, found := strings.Cut(string(text), name)
	if !found {
		fail(path + " has no " + name)
	}
	number, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	check(err)
	return number * 1024
}

// contextSwitches returns how often the OS threads of this process, without the calling one, went to sleep or lost the
// processor.
func contextSwitches() int {
	own := strconv.Itoa(syscall.Gettid())
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	check(err)
	sum := 0
	for _, task := range tasks {
		if strings.Split(task, "/")[4] == own {
			continue
		}
		text, _ := os.ReadFile(task)
		for _, line := range strings.Split(string(text), "\n") {
			if _, count, found := strings.Cut(line, "_ctxt_switches:"); found {
				number, err := strconv.Atoi(strings.TrimSpace(count))
				check(err)
				sum += number
			}
		}
	}
	return sum
}

// Workloads.

// spawn: a goroutine has no handle; its result goes to a place of its own, and a WaitGroup tells when all are done.
func spawn(s settings) report {
	alive := s.need("alive")
	rounds := ceilingOf(s.need("total"), alive)
	spawnAndJoin(alive, s.get("warm", ceilingOf(rounds, 10)))
	m := startMeter()
	spawnAndJoin(alive, rounds)
	return m.stop().reportEach(rounds * alive)
}

func spawnAndJoin(alive, rounds int) {
	results := make([]int, alive)
	var all sync.WaitGroup
	for round := 0; round < rounds; round++ {
		all.Add(alive)
		for i := 0; i < alive; i++ {
			go func(i int) {
				results[i] = i
				all.Done()
			}(i)
		}
		all.Wait()
	}
}

// together runs so many at once, all of which are there before the meter starts.
func together(threads int, body func()) measured {
	var ready, all sync.WaitGroup
	ready.Add(threads)
	all.Add(threads)
	start := make(chan struct{})
	for i := 0; i < threads; i++ {
		go func() {
			ready.Done()
			<-start
			body()
			all.Done()
		}()
	}
	ready.Wait()
	m := startMeter()
	close(start)
	all.Wait()
	return m.stop()
}

func yield(s settings) report {
	threads := s.need("threads")
	each := ceilingOf(s.need("total"), threads)
	return together(threads, func() {
		for i := 0; i < each; i++ {
			runtime.Gosched()
		}
	}).reportEach(each * threads)
}

// tokenPingPong: what wakes a goroutine is a channel with room for one token.
func tokenPingPong(s settings) report {
	each := s.need("total") / 2
	mine, others := make(chan struct{}, 1), make(chan struct{}, 1)
	go func() {
		for i := 0; i < each; i++ {
			<-others
			mine <- struct{}{}
		}
	}()
	time.Sleep(time.Millisecond)
	m := startMeter()
	for i := 0; i < each; i++ {
		others <- struct{}{}
		<-mine
	}
	return m.stop().reportEach(each * 2)
}

func memory(s settings) report {
	const long = time.Hour
	count := s.need("count")
	needed := float64(count) * float64(s.need("needs"))
	if kilobytes("/proc/meminfo", "MemAvailable:") < needed*1.2 {
		return report{"too_little_memory": needed}
	}
	go time.Sleep(long)
	time.Sleep(50 * time.Millisecond)
	resident, tables := kilobytes("/proc/self/status", "VmRSS:"), kilobytes("/proc/self/status", "VmPTE:")
	var asleep int64
	m := startMeter()
	for i := 0; i < count; i++ {
		go func() {
			atomic.AddInt64(&asleep, 1)
			time.Sleep(long)
		}()
	}
	for atomic.LoadInt64(&asleep) < int64(count) {
		time.Sleep(5 * time.Millisecond)
	}
	r := m.stop().reportEach(count)
	time.Sleep(200 * time.Millisecond)
	residentAfter, tablesAfter := kilobytes("/proc/self/status", "VmRSS:"), kilobytes("/proc/self/status", "VmPTE:")
	r["handle_bytes"] = 0
	r["rss_bytes"] = (residentAfter - resident) / float64(count)
	r["page_table_bytes"] = (tablesAfter - tables) / float64(count)
	r["total_gb"] = (residentAfter + tablesAfter) / 1e9
	return r
}

func timers(s settings) report {
	threads, sleeps := s.need("threads"), s.need("sleeps")
	lates := make([][]uint32, threads)
	var all sync.WaitGroup
	m := startMeter()
	all.Add(threads)
	for thread := 0; thread < threads; thread++ {
		go func(thread int) {
			random := uint64(thread+1) * 0x9E3779B97F4A7C15
			late := make([]uint32, 0, sleeps)
			for i := 0; i < sleeps; i++ {
				random ^= random << 13
				random ^= random >> 7
				random ^= random << 17
				span := time.Duration(1000+random%49000) * time.Microsecond
				begin := time.Now()
				time.Sleep(span)
				late = append(late, uint32(lateness(begin, span)))
			}
			lates[thread] = late
			all.Done()
		}(thread)
	}
	all.Wait()
	measured := m.stop()
	values := make([]time.Duration, 0, threads*sleeps)
	for _, late := range lates {
		for _, value := range late {
			values = append(values, time.Duration(value))
		}
	}
	return measured.reportEach(threads*sleeps).withQuantiles("late", values)
}

func lateness(begin time.Time, span time.Duration) time.Duration {
	if late := time.Since(begin) - span; late > 0 {
		return late
	}
	return 0
}

func precision(s settings) report {
	span := time.Duration(s.need("span_us")) * time.Microsecond
	values := make([]time.Duration, s.need("total"))
	m := startMeter()
	for i := range values {
		begin := time.Now()
		time.Sleep(span)
		values[i] = lateness(begin, span)
	}
	return m.stop().report().withQuantiles("late", values)
}

func alone(s settings) report {
	total := s.need("total")
	var measured measured
	switch s["what"] {
	case "mutex":
		shared := new(struct {
			sync.Mutex
			count int
		})
		m := startMeter()
		for i := 0; i < total; i++ {
			shared.Lock()
			shared.count++
			shared.Unlock()
		}
		measured = m.stop()
		expect(shared.count == total)
	case "rwlock":
		shared := new(struct {
			sync.RWMutex
			value int
		})
		shared.value = 1
		sum := 0
		m := startMeter()
		for i := 0; i < total; i++ {
			shared.RLock()
			sum += shared.value
			shared.RUnlock()
		}
		measured = m.stop()
		expect(sum == total)
	default:
		fail("what=" + s["what"] + ": not understood")
	}
	return measured.reportEach(total)
}

func expect(held bool) {
	if !held {
		fail("a wrong sum")
	}
}

func contended(s settings) report {
	threads := s.need("threads")
	each := ceilingOf(s.need("total"), threads)
	yields := s.get("yields", 0) == 1
	var mutex sync.Mutex
	count := 0
	measured := together(threads, func() {
		for i := 0; i < each; i++ {
			mutex.Lock()
			if yields {
				runtime.Gosched()
			}
			count++
			mutex.Unlock()
		}
	})
	expect(count == each*threads)
	return measured.reportEach(each * threads)
}

// pingPong: with room for one message no send waits, as none does on the others' channels.
func pingPong(s settings) report {
	pairs := s.get("pairs", 1)
	each := ceilingOf(s.need("total"), pairs)
	m := startMeter()
	for pair := 0; pair < pairs; pair++ {
		ping, pong := make(chan int, 1), make(chan int, 1)
		var both sync.WaitGroup
		both.Add(2)
		go func() {
			for count := range ping {
				pong <- count + 1
			}
			both.Done()
		}()
		go func() {
			count := 0
			for i := 0; i < each; i++ {
				ping <- count
				count = <-pong
			}
			close(ping)
			expect(count == each)
			both.Done()
		}()
		both.Wait()
	}
	return m.stop().reportEach(each * pairs)
}

// throughput: Go has no channel without a bound, so this one has room for many.
func throughput(s settings) report {
	senders := s.need("senders")
	each := ceilingOf(s.need("total"), senders)
	m := startMeter()
	messages := make(chan int, 1024)
	var all sync.WaitGroup
	all.Add(senders)
	for sender := 0; sender < senders; sender++ {
		go func() {
			for number := 0; number < each; number++ {
				messages <- number
			}
			all.Done()
		}()
	}
	go func() {
		all.Wait()
		close(messages)
	}()
	count, sum := 0, 0
	for number := range messages {
		count++
		sum += number
	}
	measured := m.stop()
	expect(count == senders*each && sum == senders*(each*(each-1)/2))
	return measured.reportEach(count)
}

// idle counts from a goroutine that has an OS thread to itself and sleeps in the kernel, which nobody counts.
func idle(s settings) report {
	span := time.Duration(s.need("ms")) * time.Millisecond
	go time.Sleep(time.Hour)
	go func() {
		_, _ = listen("tcp", "127.0.0.1:0").Accept()
	}()
	time.Sleep(time.Millisecond)
	result := make(chan report, 1)
	go func() {
		runtime.LockOSThread()
		sleepInKernel(time.Second)
		m := startMeter()
		before := contextSwitches()
		sleepInKernel(span)
		switches := contextSwitches() - before
		measured := m.stop()
		r := measured.report()
		r["wakeups_per_s"] = float64(switches) / measured.wall.Seconds()
		result <- r
	}()
	time.Sleep(span + 1500*time.Millisecond)
	return <-result
}

func sleepInKernel(span time.Duration) {
	rest := syscall.NsecToTimespec(int64(span))
	for syscall.Nanosleep(&rest, &rest) == syscall.EINTR {
	}
}

// Servers.

// listen sets no keep-alive on what it accepts, for nobody else does.
func listen(network, address string) net.Listener {
	config := net.ListenConfig{KeepAlive: -1}
	listener, err := config.Listen(context.Background(), network, address)
	check(err)
	return listener
}

// announce tells the caller where a server listens, if that is a port, and ends the process when the caller has ended.
func announce(port int) {
	fmt.Printf("{\"port\":%d}\n", port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
}

func echo(s settings) report {
	for hog := 0; hog < s.get("hogs", 0); hog++ {
		burn := time.Duration(s.need("burn_us")) * time.Microsecond
		rest := time.Duration(s.need("rest_us")) * time.Microsecond
		go func() {
			for {
				begin := time.Now()
				for time.Since(begin) < burn {
				}
				time.Sleep(rest)
			}
		}()
	}
	listener := listen("tcp", "127.0.0.1:0")
	announce(listener.Addr().(*net.TCPAddr).Port)
	return serveAll(listener)
}

func unix(settings) report {
	listener := listen("unix", filepath.Join(os.TempDir(), fmt.Sprintf("green-bench-%d.socket", os.Getpid())))
	announce(0)
	return serveAll(listener)
}

// serveAll has a goroutine for each connection. TCP_NODELAY is Go's own choice for all of them.
func serveAll(listener net.Listener) report {
	for {
		stream, err := listener.Accept()
		check(err)
		go serve(stream)
	}
}

func serve(stream net.Conn) {
	defer stream.Close()
	buffer := make([]byte, 256)
	for {
		count, err := stream.Read(buffer)
		if err != nil {
			return
		}
		if _, err := stream.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func datagrams(settings) report {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	announce(socket.LocalAddr().(*net.UDPAddr).Port)
	buffer := make([]byte, 64)
	for {
		count, peer, err := socket.ReadFromUDPAddrPort(buffer)
		check(err)
		_, err = socket.WriteToUDPAddrPort(buffer[:count], peer)
		check(err)
	}
}
