# frozen_string_literal: true

require_relative "../process/process_case"

module HyperionTest
  # A test case about what is answered without the app. It has a directory of its own, and reads the
  # server's metrics with TOKEN.
  class NativeCase < ProcessCase
    TOKEN = "the-token"

    def self.app(name) = "test/integration/native/apps/#{name}.ru"

    # A server of this rackup text.
    def boot_text(text, *options, **settings) = boot(file("config.ru", text), *options, **settings)

    # Writes requests as they stand, reads a response for each.
    # @param requests [Array<String>] heads and bodies
    # @return [Array<HttpResponse>]
    def exchange(*requests, to: server)
      client = connect(to).write(requests.join)
      requests.map { |request| client.response(head: request.start_with?("HEAD")) }
    end

    def head(request, *lines) = ["#{request} HTTP/1.1", "Host: a", *lines].map { |line| "#{line}\r\n" }.join + "\r\n"

    # The samples of a family by its labels, as in a scrape.
    # @return [Hash{String=>Integer}]
    def samples(family, to: server)
      scrape = get("/-/metrics", to: to, "x-hyperion-admin-token" => TOKEN)
      assert_equal 200, scrape.status, scrape.body
      scrape.body.scan(/^#{family}\{(.*)\} (\d+)$/).to_h { |labels, count| [labels, Integer(count)] }
    end

    # Requests by mode, whatever the driver.
    # @return [Hash{String=>Integer}]
    def modes(to: server)
      samples("hyperion_dispatch_mode_total", to: to)
        .group_by { |labels, _| labels[/mode="(\w+)"/, 1] }.transform_values { |counts| counts.sum(&:last) }
    end

    # Runs a program that embeds the server.
    # @return [Array(String, String, Process::Status)]
    def ruby(script, *arguments)
      capture(RbConfig.ruby, "-I#{ROOT}/lib", file("program.rb", script), *arguments)
    end

    # What a process that does not end by itself has open under this name.
    def descriptors(pid, name)
      Dir["/proc/#{pid}/fd/*"].count { |link| File.readlink(link).include?(name) rescue false }
    end
  end
end
