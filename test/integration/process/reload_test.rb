# frozen_string_literal: true

require_relative "process_case"

# A Rails application whose code changes while requests are answered, as under an editor.
class ReloadTest < HyperionTest::ProcessCase
  RU = <<~RUBY
    require "logger"
    require "rails"
    require "action_controller/railtie"

    class Draft < Rails::Application
      config.root = __dir__
      config.load_defaults(Rails::VERSION::STRING.to_f)
      config.eager_load = false
      config.cache_classes = false
      config.hosts.clear
      config.secret_key_base = "b" * 64
      config.logger = Logger.new($stderr)
      config.log_level = :warn
      routes.append { get "page", to: "drafts#page" }
    end
    Rails.application.initialize!
    run Rails.application
  RUBY
  CONTROLLER = <<~RUBY
    class DraftsController < ActionController::Base
      def page
        sleep(0.005)
        render(plain: DraftText.text)
      end
    end
  RUBY
  VERSIONS = 8

  def test_G9_code_that_changes_during_requests_blocks_nobody
    skip "Rails is not here" unless system(RbConfig.ruby, "-e", 'require "rails"', %i[out err] => File::NULL)
    need_rails
    @began = Time.now - 60
    write(0)
    File.utime(@began, @began, file("app/controllers/drafts_controller.rb", CONTROLLER))
    drafting = boot(file("config.ru", RU), "-t", "4", env: { "RAILS_ENV" => "development" }, chdir: dir)
    latest = Array.new(4)
    clients = Array.new(4) { |index| Thread.new { ask(drafting) { |answer| latest[index] = answer } } }
    ending { @enough = true }
    (1..VERSIONS).each do |version|
      write(version)
      eventually("version #{version} is never served: #{latest}", timeout: 30) { latest.uniq == ["text #{version}"] }
    end
    @enough = true
    clients.each { |client| assert client.join(20), "a client still waits" }
    assert_equal 0, drafting.stop.exitstatus, drafting.log
  end

  private

  # In one piece, so that nobody loads half of it, and a second later than before: Rails looks at the times of files.
  def write(version)
    FileUtils.mkdir_p("#{dir}/app/models")
    path = file("next.rb", "module DraftText\n  def self.text = \"text #{version}\"\nend\n")
    File.utime(Time.now, @began + version, path)
    File.rename(path, "#{dir}/app/models/draft_text.rb")
  end

  def ask(server)
    Thread.current.report_on_exception = false
    client = server.connect(timeout: 15)
    until @enough
      response = client.get("/page")
      raise "#{response.status} #{response.body[0, 500]}" unless response.status == 200

      yield response.body
    end
  ensure
    client&.close
  end
end
