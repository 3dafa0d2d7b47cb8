# frozen_string_literal: true

require_relative "process_case"

# The first requests of a process come at once, while nothing of it was ever used.
class FirstRequestsTest < HyperionTest::ProcessCase
  BIRTHS = 200

  %w[epoll io_uring].each do |driver|
    define_method("test_H1_first_requests_that_look_up_constants_do_not_wait_for_each_other_#{driver}") do
      server = boot("test/integration/process/apps/slow_constants.ru", "-t", "5", "--io", driver)
      clients = Array.new(10) { connect(server).request("GET", "/") }
      assert_equal(["fine"] * 10, clients.map { |client| client.response.body })
    end

    define_method("test_H1_hundreds_of_processes_are_born_into_load_#{driver}") do
      births = File.join(__dir__, "apps/births.rb")
      out, err, status = capture(RbConfig.ruby, "-I#{ROOT}/lib", births, BIRTHS.to_s, env: { "HYPERION_IO" => driver }, timeout: 120)
      assert_equal BIRTHS, Integer(out[/\d+\n\z/] || "0"), "#{out}\n#{err}"
      assert_predicate status, :success?
    end
  end
end
