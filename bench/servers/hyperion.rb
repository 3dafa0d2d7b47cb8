# frozen_string_literal: true

module Bench
  # Hyperion of this checkout, one process, over epoll.
  class Hyperion < Server
    label "hyperion"

    NATIVE = "#{ROOT}/lib/hyperion/native.so"

    def missing = File.exist?(NATIVE) ? nil : "not built: run script/build"

    def version = Machine.version("ruby", "-I#{ROOT}/lib", "#{ROOT}/exe/hyperion", "--version")

    def command(kase, port)
      log = kase.log ? "--log-requests" : "--no-log-requests"
      ["ruby", "-I#{ROOT}/lib", "#{ROOT}/exe/hyperion", "-b", HOST, "-p", port.to_s, "-t", threads.to_s,
       "-w", workers.to_s, "--io", io, *flags, *tls(kase), log, kase.app.path]
    end

    def log_switch? = true

    # A server that fell back to the other driver would be measured under the wrong name.
    def inspect_process(process)
      used = process.tree.opens?("anon_inode:[io_uring]") ? "io_uring" : "epoll"
      raise Failure, "runs over #{used} where #{io} was asked" if used != io
    end

    private

    def tls(kase) = kase.tls ? ["--tls-cert", TlsCertificate::CERTIFICATE, "--tls-key", TlsCertificate::KEY] : []

    def workers = 1

    def threads = @settings.threads

    def flags = []

    def io = "epoll"
  end
end
