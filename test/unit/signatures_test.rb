# frozen_string_literal: true

require_relative "support/unit"
require "hyperion"
require "hyperion/cli"
require "hyperion/handler"
require "hyperion/server"

# What sig/ declares is there, and what a class that is declared there has, is declared.
class SignaturesTest < UnitCase
  ROOT = File.expand_path("../..", __dir__)

  # A line of sig/ that opens a scope, and one that declares a method; the files hold nothing else that ends with `end`.
  SCOPE = /\A(?:class|module|interface) (\w+)/
  METHOD = /\A(?:def (self\.)?|attr_reader ())([\w?!=]+):/

  # @return [Hash{String=>Hash}] by the name of a class or module: methods of instances and of itself
  def self.declared
    all = Hash.new { |hash, name| hash[name] = { instance: [], singleton: [] } }
    Dir["#{ROOT}/sig/*.rbs"].each do |file|
      scopes = []
      File.foreach(file, chomp: true) do |line|
        text = line.strip
        if (name = text[SCOPE, 1])
          scopes << (text.start_with?("interface") ? nil : name)
          all[scopes.join("::")] unless scopes.include?(nil)
        elsif text == "end"
          scopes.pop
        elsif (found = METHOD.match(text)) && !scopes.include?(nil)
          all[scopes.join("::")][found[1] ? :singleton : :instance] << found[3].to_sym
        end
      end
    end
    all
  end

  DECLARED = declared.freeze

  # What Ruby's own signatures declare of all objects, or what Rust makes for `initialize`.
  EVERYWHERE = %i[inspect to_s == eql? hash new allocate].freeze

  DECLARED.each do |name, methods|
    define_method("test_#{name}_has_what_is_declared_and_nothing_else") do
      found = constant(name)
      assert_equal [], methods[:instance] - [:initialize] - found.public_instance_methods, "#{name} is declared to have these, and has not"
      assert_equal [], undeclared(found, methods[:instance]), "#{name} has these, which sig/ does not declare"
      assert_equal [], methods[:singleton] - found.public_methods, "#{name} itself is declared to have these, and has not"
      assert_equal [], undeclared(found.singleton_class, methods[:singleton]), "#{name} itself has these, which sig/ does not declare"
    end
  end

  # In a process of its own: rbs loads bundler, and that changes RubyGems.
  VALIDATE = <<~'RUBY'
    begin
      require "rbs"
      require "rbs/cli"
    rescue LoadError
      exit 3
    end
    RBS::CLI.new(stdout: $stdout, stderr: $stderr).run(["-I", "sig", "validate", "--silent"])
  RUBY

  def test_rbs_finds_them_valid
    output = IO.popen([RbConfig.ruby, "-e", VALIDATE, { chdir: ROOT, err: %i[child out] }], &:read)
    skip "rbs is not installed; in Debian it comes with libruby, and not with each" if $?.exitstatus == 3
    assert $?.success?, output
  end

  private

  def undeclared(found, declared)
    own = found.public_instance_methods(false) - declared - EVERYWHERE
    own.reject { |name| internal?(found.instance_method(name)) }
  end

  # Whether the comment above says that it is for this gem alone.
  def internal?(method)
    file, line = method.source_location
    file && File.readlines(file).first(line - 1).reverse.take_while { |text| text.match?(/\A\s*#/) }.grep(/@api private/).any?
  end

  def constant(name)
    require "hyperion/native"
    Object.const_get(name)
  end
end
